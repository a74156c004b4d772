// http: HTTP servers whose requests are tasks, WebSockets and server-sent events on them, and fetch.
// May import: the pure rooms, net; `node:`; ws as an optional peer.
// Does not belong here: sockets and their limits (net), routing (the app).
export { type EventSourceOf, eventStream, type EventStreamOptions } from './event-stream.ts';
export type { ServerSentEvent } from './event-stream-frames.ts';
export { WebSocket, type WebSocketStatistics } from './web-socket.ts';
export type { WebSocketLimits } from './web-socket-limits.ts';
export type { WebSocketOptions } from './web-socket-options.ts';
export { webSocket, type WebSocketHandler } from './web-socket-upgrade.ts';
export { fetch } from './fetch.ts';
export type { FetchResponse } from './fetch-response.ts';
export type { FetchRetryOptions } from './fetch-retry.ts';
export {
  type FetchLimits,
  type FetchOptions,
  HttpClient,
  type HttpClientOptions,
  type HttpClientStatistics,
} from './http-client.ts';
export type { HttpHostStatistics } from './http-host.ts';
export { type AccessEntry, accessLine } from './access-log.ts';
export type { ExpressLike, FastifyLike, FetchHandler, HttpApp, HttpEnv } from './app.ts';
export type { HttpOptions, HttpOwnOptions } from './http-options.ts';
export type { HttpServer, HttpStatistics } from './http-server.ts';
export type { NodeListener } from './listen.ts';
export { RequestError } from './request-error.ts';
export { type HttpRequestInfo, requestInfo } from './request-info.ts';
export { serveHttp } from './serve-http.ts';
