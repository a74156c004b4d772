// What can be served: fetch handlers and listeners of node:http, under one interface.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { wrongValue } from '../base/index.ts';
import { AppRequest, type RequestSource } from './app-request.ts';
import { listen, type Listened, type NodeListener } from './listen.ts';

/**
 * A function from a Request to a Response. `env` has `incoming` and `outgoing` of node:http, as in
 * Hono's `c.env` on Node.
 */
export type FetchHandler = (request: Request, env: HttpEnv) => Response | PromiseLike<Response>;

/** The second argument of a fetch handler. */
export interface HttpEnv {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** A Fastify instance, as far as it is needed. */
export interface FastifyLike {
  ready(): PromiseLike<unknown>;
  routing(incoming: IncomingMessage, outgoing: ServerResponse): unknown;
}

/**
 * What `serveHttp` serves: a function from a Request to a Response, an object with such a `fetch`
 * (Hono), an Express app, a Fastify instance, or `{ listener }` with a listener of node:http.
 */
export type HttpApp =
  | FetchHandler
  // Method syntax: the parameters of frameworks differ in what nobody passes.
  | { fetch(request: Request, ...rest: never[]): Response | PromiseLike<Response> }
  | { readonly listener: NodeListener }
  | FastifyLike
  | ExpressLike;

/** An Express app, as far as it is needed. It is a listener, and has these. */
export interface ExpressLike {
  readonly engine: unknown;
  readonly listen: unknown;
}

/** An app as the server calls it. */
export interface App {
  /** Whether what `handle` returns is the answer. False for listeners, which answer by themselves. */
  readonly answers: boolean;
  /** Handles a request, in its task. */
  handle(exchange: RequestSource & Listened): unknown;
}

/**
 * Makes an App of what was passed.
 * @throws TypeError for anything that cannot be served
 */
export async function appOf(app: unknown): Promise<App> {
  const { fetch, listener, routing, ready, engine } = membersOf(app);
  if (typeof fetch === 'function')
    return fetchApp((request, env) => (app as { fetch: FetchHandler }).fetch(request, env));
  if (typeof listener === 'function') return listenerApp(listener as NodeListener);
  if (typeof routing === 'function' && typeof ready === 'function') {
    const fastify = app as FastifyLike;
    await fastify.ready(); // its routes are not complete before
    return listenerApp((incoming, outgoing) => fastify.routing(incoming, outgoing));
  }
  if (typeof app === 'function') {
    return typeof engine === 'function' ? listenerApp(app as NodeListener) : fetchApp(app as FetchHandler);
  }
  throw wrongValue(
    'serve HTTP',
    '',
    'a fetch handler, an object with fetch, an Express or Fastify app, or { listener }',
    app,
  );
}

function membersOf(app: unknown): Partial<Record<'fetch' | 'listener' | 'routing' | 'ready' | 'engine', unknown>> {
  return (typeof app === 'object' && app !== null) || typeof app === 'function' ? app : {};
}

function fetchApp(handler: FetchHandler): App {
  return {
    answers: true,
    // An exchange has `incoming` and `outgoing`, and so is the second argument.
    handle: (exchange) => handler(new AppRequest(exchange) as unknown as Request, exchange), // inherits from Request
  };
}

function listenerApp(listener: NodeListener): App {
  return { answers: false, handle: (exchange) => listen(exchange, listener) };
}
