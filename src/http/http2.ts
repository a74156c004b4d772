// HTTP/2 for the clients that chose it in their TLS handshake. node:http2 is loaded only by servers
// with TLS. As node:http, it never listens: each socket is passed to it.
//
// A stream that closes before its answer has ended is a client that left, for that request alone.
// The end of a request's body is the end of one half of the stream, and does not close it.
import type { Server as NodeServer, IncomingMessage, ServerResponse } from 'node:http';
import type * as Http2 from 'node:http2';
import type { Client } from './client.ts';
import type { HttpOptions } from './http-options.ts';

/** Streams that one client may have open at once. Browsers use no more. */
const MAX_STREAMS = 100;

/** A request over HTTP/2, which node:http2 makes look like one over HTTP/1. */
type OnRequest = (client: Client, incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Reads and writes the sockets of clients that chose HTTP/2. */
export interface Http2Port {
  /** Takes the socket of a client over. Sets its session. */
  serve(client: Client): void;
  close(): void;
}

/** The protocols that are offered in TLS handshakes. */
export function offered({ tls, http2 }: HttpOptions): HttpOptions['tls'] {
  if (tls === undefined || tls.ALPNProtocols !== undefined || tls.ALPNCallback !== undefined) return tls;
  return { ...tls, ALPNProtocols: http2 === false ? ['http/1.1'] : ['h2', 'http/1.1'] };
}

/** Makes the port, where options and runtime have HTTP/2. */
export async function loadHttp2(options: HttpOptions): Promise<((onRequest: OnRequest) => Http2Port) | undefined> {
  if (options.tls === undefined || options.http2 === false) return undefined;
  const http2 = await import('node:http2');
  return (onRequest) => makePort(http2, options, onRequest);
}

function makePort(http2: typeof Http2, { maxHeaderSize }: HttpOptions, onRequest: OnRequest): Http2Port {
  const clients = new WeakMap<Http2.Http2Session, Client>();
  let beginning: Client | undefined;
  const settings = {
    maxConcurrentStreams: MAX_STREAMS,
    ...(maxHeaderSize === undefined ? {} : { maxHeaderListSize: maxHeaderSize }),
  };
  const server = http2.createServer({ settings });
  server.on('session', (session) => {
    if (beginning === undefined) return;
    beginning.session = session;
    clients.set(session, beginning);
    session.on('error', () => undefined); // its socket closes, which the connection reports
  });
  server.on('request', (incoming, outgoing) => {
    const { session } = incoming.stream;
    const client = session === undefined ? undefined : clients.get(session);
    // Their differences are where `isHttp2` is asked.
    if (client !== undefined)
      onRequest(client, incoming as unknown as IncomingMessage, outgoing as unknown as ServerResponse);
  });
  server.on('sessionError', () => undefined);
  return {
    serve(client) {
      client.socket.allowHalfOpen = false; // node:http2 does not end a session whose client has ended
      beginning = client;
      (server as unknown as NodeServer).emit('connection', client.socket); // documented for servers of node:net
      beginning = undefined;
    },
    close: () => void server.close(),
  };
}
