// The page server: the files of the page, its frames and its requests, over HTTP on this machine.
//
//   GET  /?token=...    a token becomes a cookie; the answer leads to / without it
//   GET  /, /page.js    the files of the page
//   GET  /api/frames    frames as server-sent events; parameters: rate, tables
//   POST /api/request   a request of the protocol as JSON, and its response
//
// Everything but the first needs the cookie, and origin.ts accepts it. The cookie is SameSite=Strict
// and HttpOnly. Answers allow nothing from elsewhere and no framing, and are not stored anywhere. A
// token stands in an address for one request only, and no Referer says it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SentFrame } from '../../protocol/index.ts';
import { listen } from '../listen.ts';
import { RequestError } from '../request-error.ts';
import type { Viewer } from '../viewers.ts';
import { listFiles, type PageFile } from './files.ts';
import { refusalOf } from './origin.ts';
import { type Session, Sessions } from './sessions.ts';

/** The most connections at a time, and among them those with frames. */
const CONNECTIONS = 64;
const STREAMS = 16;
/** The longest request, in bytes, and the longest headers. */
const LONGEST = 65_536;
const LONGEST_HEADERS = 16_384;
/** How long headers, and a whole request, may take, in milliseconds. */
const HEADERS_WITHIN = 5000;
const REQUEST_WITHIN = 10_000;
/** A page with more bytes than this that it has not taken misses frames, and after a while is cut off. */
const BEHIND = 1_048_576;
const CUT_OFF_AFTER = 60_000;

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "require-trusted-types-for 'script'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};

/** What the page server needs. */
export interface PageSources {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The folder of the page. */
  readonly folder: URL;
  now(): number;
  /** Answers a request. May reject with a RequestError. */
  respond(method: unknown, params: unknown, viewer: Viewer): Promise<object>;
  /** Begins to send frames to a page, and returns the number of the subscription. */
  subscribe(viewer: Viewer, offer: (make: () => SentFrame) => boolean, wishes: PageWishes): number;
  unsubscribe(viewer: Viewer, subscription: number): void;
}

/** What a page wants of its frames. */
export interface PageWishes {
  readonly rate?: number | undefined;
  readonly tables?: readonly number[] | undefined;
}

/** A page server that listens. */
export class PageServer {
  readonly #sources: PageSources;
  readonly #server: Server;
  readonly #sessions: Sessions;
  readonly #viewers = new WeakMap<Session, Viewer>();
  readonly #files: ReadonlyMap<string, PageFile>;
  #streams = 0;

  /** Listens. @throws the system's error when it cannot */
  static async open(sources: PageSources): Promise<PageServer> {
    const page = new PageServer(sources);
    await listen(page.#server, sources);
    return page;
  }

  private constructor(sources: PageSources) {
    this.#sources = sources;
    this.#sessions = new Sessions(() => sources.now());
    this.#files = listFiles(sources.folder);
    this.#server = createServer(
      {
        maxHeaderSize: LONGEST_HEADERS,
        headersTimeout: HEADERS_WITHIN,
        requestTimeout: REQUEST_WITHIN,
        keepAliveTimeout: HEADERS_WITHIN,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = CONNECTIONS;
    this.#server.on('clientError', (_, socket) => void socket.destroy());
  }

  /** The port on which it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port; // it listens on a port
  }

  /** Returns an address of the page with a token that is good for one visitor. */
  newAddress(): string {
    const { host } = this.#sources;
    const shown = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    return `http://${shown.includes(':') ? `[${shown}]` : shown}:${this.port}/?token=${this.#sessions.newToken()}`;
  }

  /** Stops listening, and ends all connections. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections?.();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
      await this.#route(request, response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else if (error instanceof Refusal) refuse(response, error);
      else refuse(response, new Refusal(500, 'the request failed'));
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reason = refusalOf(request.headers, this.#sources.host);
    const url = urlOf(request);
    const token = request.method === 'GET' && url.pathname === '/' ? url.searchParams.get('token') : null;
    // A link from another site, such as a terminal in a browser: it has the token, or gets nothing.
    if (reason !== undefined && (token === null || !isFollowedLink(request, this.#sources.host)))
      throw new Refusal(403, reason);
    if (token !== null) return this.#enter(token, response, reason === undefined);
    const session = this.#sessions.find(this.#cookieOf(request));
    if (session === undefined)
      throw new Refusal(401, 'open the address that `maitre console` prints: each is good for one visitor');
    const viewer = this.#viewerOf(session);
    if (url.pathname === '/api/request') return this.#request(request, response, viewer);
    if (request.method !== 'GET') throw new Refusal(405, 'only GET is served here');
    if (url.pathname === '/api/frames') return this.#frames(url, response, viewer);
    const file = this.#files.get(url.pathname);
    if (file === undefined) throw new Refusal(404, 'there is no such page');
    response.setHeader('content-type', file.type);
    response.end(await file.read());
  }

  /**
   * Exchanges a token for a cookie, and leads to the page without the token. After a link of another
   * site it does so from a page of its own: a browser does not send a Strict cookie with a redirect
   * that began elsewhere.
   */
  #enter(token: string, response: ServerResponse, mayRedirect: boolean): void {
    const secret = this.#sessions.exchange(token);
    if (secret === undefined)
      throw new Refusal(401, 'this address was used already, or is too old: `maitre console` prints another one');
    response.setHeader('set-cookie', `${this.#cookie}=${secret}; HttpOnly; SameSite=Strict; Path=/`);
    if (mayRedirect) response.writeHead(303, { location: '/' });
    else response.writeHead(200, { refresh: '0; url=/', 'content-type': 'text/html; charset=utf-8' });
    response.end();
  }

  /** Cookies are of a host, not of a port, and several processes can have pages. */
  get #cookie(): string {
    return `maitre-${this.port}`;
  }

  #cookieOf({ headers }: IncomingMessage): string {
    for (const each of (headers.cookie ?? '').split('; '))
      if (each.startsWith(`${this.#cookie}=`)) return each.slice(this.#cookie.length + 1);
    return '';
  }

  #viewerOf(session: Session): Viewer {
    let viewer = this.#viewers.get(session);
    if (viewer === undefined) {
      viewer = { from: 'page', offer: () => false, atEnd: new Set() };
      this.#viewers.set(session, viewer);
    }
    return viewer;
  }

  async #request(request: IncomingMessage, response: ServerResponse, viewer: Viewer): Promise<void> {
    if (request.method !== 'POST') throw new Refusal(405, 'requests are sent with POST');
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
      throw new Refusal(415, 'requests are application/json');
    const body = await bodyOf(request);
    let asked: { readonly id?: unknown; readonly method?: unknown; readonly params?: unknown };
    try {
      asked = Object(JSON.parse(body)) as typeof asked; // all of it is unknown
    } catch {
      throw new Refusal(400, 'the request is not JSON');
    }
    const id = typeof asked.id === 'number' ? asked.id : null;
    const answer = await this.#sources.respond(asked.method, asked.params, viewer).then(
      (result) => ({ id, result }),
      (error: unknown) => ({ id, error: describe(error) }),
    );
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  }

  #frames(url: URL, response: ServerResponse, viewer: Viewer): void {
    if (this.#streams >= STREAMS) throw new Refusal(503, `there are ${STREAMS} pages, the most there may be`);
    let takenAt = this.#sources.now();
    const offer = (make: () => SentFrame): boolean => {
      const now = this.#sources.now();
      if (response.writableLength > BEHIND) {
        if (now - takenAt > CUT_OFF_AFTER) response.destroy();
        return false;
      }
      takenAt = now;
      response.write(`data: ${JSON.stringify(make())}\n\n`);
      return true;
    };
    let subscription: number;
    try {
      subscription = this.#sources.subscribe(viewer, offer, wishesOf(url));
    } catch (error) {
      if (error instanceof RequestError) throw new Refusal(error.code === 'BAD_REQUEST' ? 400 : 503, error.message);
      throw error;
    }
    this.#streams++;
    response.on('close', () => {
      this.#streams--;
      this.#sources.unsubscribe(viewer, subscription);
    });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    response.write(`retry: 2000\nevent: subscription\ndata: ${JSON.stringify({ subscription })}\n\n`);
  }
}

/** Why a request is refused, with the status of HTTP. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Refuses, and ends the connection: what comes after a refused body cannot be told from it. */
function refuse(response: ServerResponse, { status, message }: Refusal): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${message}\n`);
}

function urlOf(request: IncomingMessage): URL {
  try {
    return new URL(request.url ?? '/', 'http://page');
  } catch {
    throw new Refusal(400, 'the address is not valid');
  }
}

/** True for a link of another site that somebody has followed: nothing but Sec-Fetch-Site is wrong. */
function isFollowedLink({ headers }: IncomingMessage, name: string): boolean {
  const { 'sec-fetch-site': _, ...others } = headers;
  return (
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document' &&
    refusalOf(others, name) === undefined
  );
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST) throw new Refusal(413, `a request has at most ${LONGEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function wishesOf({ searchParams }: URL): PageWishes {
  const rate = searchParams.get('rate');
  const tables = searchParams.get('tables');
  const wishes: { rate?: number; tables?: number[] } = {};
  if (rate !== null) wishes.rate = Number(rate);
  if (tables !== null) wishes.tables = tables === '' ? [] : tables.split(',').map(Number);
  return wishes;
}

function describe(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof RequestError) return { code: error.code, message: error.message };
  return { code: 'NOT_AVAILABLE', message: 'the request failed' };
}
