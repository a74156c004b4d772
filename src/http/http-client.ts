// HttpClient: the requests of one program or one part of it, with its limits and its figures.
//
// A request goes through these steps, and a cancel or a deadline ends it in each of them:
// a place at its host (HttpHost), the response (ClientExchange.send), a pause and the next attempt
// (FetchRetry), the body (ClientExchange.read).
//
// Connections belong to the `fetch` of the platform, which opens one for a request when none is
// free. So a limit of requests that are out is a limit of connections. Compared with undici's Agent
// ({ connections }): that is an install of its own, Node only, and what waits in its queue is seen by
// nobody, has no order that one could rely on, and counts for no deadline.
import {
  anything,
  type Check,
  type Checks,
  callback,
  checkOptions,
  integer,
  ofType,
  wrongValue,
} from '../base/index.ts';
import { beginWait, CancelledError, Resource, type ResourceOptions, sleep, waiting } from '../core/index.ts';
import { timed } from './fetch-deadline.ts';
import { requestName } from './fetch-error.ts';
import { ClientExchange, type Sending } from './fetch-exchange.ts';
import type { FetchResponse } from './fetch-response.ts';
import { FetchRetry, type FetchRetryOptions, retryOption } from './fetch-retry.ts';
import { HttpHost, type HttpHostStatistics } from './http-host.ts';

/** The limits of a request. */
export interface FetchLimits {
  /**
   * Milliseconds that each attempt may take up to the end of the headers: waiting for a place,
   * connecting, sending, waiting for the response. Null for no limit. Default 30,000.
   */
  readonly timeout?: number | null | undefined;
  /**
   * Milliseconds that each read of the body may take: all of `text()` and the like, or one chunk of
   * a stream. Null for no limit but that of the platform. Default null.
   */
  readonly bodyTimeout?: number | null | undefined;
  /** The maximum number of attempts, or how to repeat the request. Default 1. */
  readonly retry?: number | FetchRetryOptions | undefined;
  /**
   * The most requests of the client that are out to one origin at once, and so the most connections.
   * An integer >= 1 or Infinity. Default 100, as in aiohttp and HTTPX.
   */
  readonly maxPerHost?: number | undefined;
}

/** Options of `fetch`: maitre's, and those of the platform's `fetch`. */
export interface FetchOptions extends FetchLimits, Omit<RequestInit, 'signal'> {
  /** An AbortSignal that cancels the request and the reading of its body. */
  readonly signal?: AbortSignal | null | undefined;
}

/** Options of an HttpClient. */
export interface HttpClientOptions extends ResourceOptions, FetchLimits {
  /**
   * What sends the requests: a `fetch` with an agent of its own, or one for tests. Default: the
   * global `fetch`.
   */
  readonly fetch?: ((input: string | URL | Request, init: RequestInit) => Promise<Response>) | undefined;
}

/** The figures of a client. */
export interface HttpClientStatistics {
  /** The requests that are out: sent, and their body not read to its end. */
  readonly inFlight: number;
  /** The requests that wait for a place at their host. */
  readonly waiting: number;
  /** The calls of `fetch` so far. */
  readonly requests: number;
  /** The attempts beyond the first of each request. */
  readonly retries: number;
  /** The calls of `fetch` and the reads of bodies that were cancelled, or that ran out of time in the body. */
  readonly cancelled: number;
  /** The calls of `fetch` that failed: by the network, or by their own deadline. */
  readonly failed: number;
  /** The hosts with which the client has something to do now. */
  readonly hosts: readonly HttpHostStatistics[];
}

const anyNumber = ofType('number', 'a number of milliseconds or null', (ms) => !Number.isNaN(ms));
const msOrNull: Check = (action, name, value) => {
  if (value !== null) anyNumber(action, name, value);
};

/** The checks of the limits of a request. */
export const FETCH: Checks<FetchLimits> = {
  timeout: msOrNull,
  bodyTimeout: msOrNull,
  retry: retryOption,
  maxPerHost: integer(1, Infinity),
};

/** The checks for every option of an HttpClient. */
export const HTTP_CLIENT: Checks<HttpClientOptions> = { ...FETCH, fetch: callback, name: anything };

const DEFAULTS = { timeout: 30_000, bodyTimeout: null, retry: 1, maxPerHost: 100 } as const;

/** A request: everything that is the same in each of its attempts. */
interface Call extends Sending {
  readonly timeout: number | null;
  readonly maxPerHost: number;
  readonly retry: FetchRetry;
}

/**
 * Sends requests, at most `maxPerHost` at once to each origin, and counts them. `fetch` uses one for
 * the whole program; make one of your own for other limits, or to see its requests apart. It has
 * nothing to close: connections belong to the `fetch` of the platform.
 *
 * @example
 * ```ts
 * import { HttpClient } from 'maitre/http';
 * const kitchen = new HttpClient({ name: 'kitchen', maxPerHost: 4, timeout: 2_000, retry: 3 });
 * async function soups(): Promise<unknown> {
 *   using response = await kitchen.fetch('http://kitchen.example/soups');
 *   return response.ok ? response.json() : [];
 * }
 * console.log(kitchen.statistics().inFlight, soups.name);
 * ```
 */
export class HttpClient extends Resource {
  readonly #limits: FetchLimits;
  readonly #platform: HttpClientOptions['fetch'];
  /** The hosts that have requests now, by origin. */
  readonly #hosts = new Map<string, HttpHost>();
  #requests = 0;
  #retries = 0;
  #cancelled = 0;
  #failed = 0;

  /** @throws TypeError or RangeError for wrong options */
  constructor(options: HttpClientOptions = {}) {
    checkOptions('create an HTTP client', options, HTTP_CLIENT);
    super(options);
    this.#platform = options.fetch;
    this.#limits = options;
  }

  get kind(): 'http client' {
    return 'http client';
  }

  /**
   * Sends a request and waits for the response, up to the end of its headers. Then read the body:
   * those reads are cancellable too. A request whose body nobody reads keeps its connection until
   * the response is collected, so read it, or let go of it with `using`. Cancellable: a cancel ends
   * the request.
   * @param url an absolute URL, or a Request
   * @param options maitre's, and those of the platform's `fetch`
   * @returns the response, whatever its status
   * @throws ConnectionLostError if the network fails, with the error of the platform as its `cause`;
   *   TimeoutError; CancelledError; TypeError or RangeError for wrong arguments
   *
   * @example
   * ```ts
   * import { HttpClient } from 'maitre/http';
   * const client = new HttpClient({ retry: 3 });
   * const isUp = (url: string) => client.fetch(url, { method: 'HEAD' }).then(({ ok }) => ok, () => false);
   * console.log(isUp.name);
   * ```
   */
  fetch(url: string | URL | Request, options: FetchOptions = {}): Promise<FetchResponse> {
    return waiting(this.#run(url, options));
  }

  /** Returns the figures of the client and of the hosts with which it has something to do now. */
  statistics(): HttpClientStatistics {
    const hosts = [...this.#hosts.values()].map((host) => host.statistics());
    let inFlight = 0;
    let inLine = 0;
    for (const host of hosts) {
      inFlight += host.inFlight;
      inLine += host.waiting;
    }
    return {
      inFlight,
      waiting: inLine,
      requests: this.#requests,
      retries: this.#retries,
      cancelled: this.#cancelled,
      failed: this.#failed,
      hosts,
    };
  }

  async #run(input: string | URL | Request, options: FetchOptions): Promise<FetchResponse> {
    const call = this.#prepare(input, options);
    this.#requests++;
    try {
      return await this.#attemptAll(call);
    } catch (error) {
      if (error instanceof CancelledError) this.#cancelled++;
      else this.#failed++;
      throw error;
    }
  }

  async #attemptAll(call: Call): Promise<FetchResponse> {
    for (let attempt = 1; ; attempt++) {
      let pause: number | undefined;
      try {
        const response = await this.#attempt(call);
        try {
          pause = call.retry.pauseAfter(response, attempt);
        } catch (error) {
          response[Symbol.dispose]();
          throw error;
        }
        if (pause === undefined) return response;
        response[Symbol.dispose]();
      } catch (error) {
        pause = call.retry.pauseAfter(error, attempt);
        if (pause === undefined) throw error;
      }
      this.#retries++;
      await sleep(pause, undefined, call.wait);
    }
  }

  async #attempt(call: Call): Promise<FetchResponse> {
    const { url, name, maxPerHost, wait } = call;
    let exchange: ClientExchange | undefined;
    let host: HttpHost | undefined;
    const send = async (): Promise<FetchResponse> => {
      host = this.#hostOf(url);
      const place = await host.acquire(maxPerHost, wait);
      // A cancel may have come since the place was granted.
      const refused = beginWait(wait);
      if (refused !== undefined) {
        place.release();
        return refused;
      }
      exchange = new ClientExchange(call, place);
      return exchange.send();
    };
    return timed(call.timeout, send, (ms) =>
      exchange === undefined
        ? `Timed out: ${name} was not sent within ${ms} ms: ${inUse(host, maxPerHost)}`
        : `Timed out: ${name} was not answered within ${ms} ms`,
    );
  }

  #hostOf(url: URL): HttpHost {
    const origin = url.origin === 'null' ? url.protocol : url.origin;
    const known = this.#hosts.get(origin);
    if (known !== undefined) return known;
    const host = new HttpHost(origin, this, () => {
      if (this.#hosts.get(origin) === host) this.#hosts.delete(origin);
      this.setHeld(this.#hosts.size > 0);
    });
    this.#hosts.set(origin, host);
    this.setHeld(true);
    return host;
  }

  #prepare(input: string | URL | Request, options: FetchOptions): Call {
    const { timeout, bodyTimeout, retry, maxPerHost, signal, ...init } = options;
    checkOptions(ACTION, { timeout, bodyTimeout, retry, maxPerHost }, FETCH);
    const request = input instanceof Request ? input : undefined;
    const url = urlOf(request?.url ?? (input as string | URL));
    const method = (init.method ?? request?.method ?? 'GET').toUpperCase();
    const own = this.#limits;
    const body: unknown = init.body ?? request?.body;
    const isStreamed = isStream(body);
    const stop = signal === undefined ? request?.signal : (signal ?? undefined);
    return {
      platform: this.#platform ?? globalThis.fetch,
      input,
      // Node wants to be told that a streamed body is sent before the response comes.
      init: isStreamed && init.duplex === undefined ? { ...init, duplex: 'half' } : init,
      url,
      name: requestName(method, url),
      timeout: first(timeout, own.timeout, DEFAULTS.timeout),
      bodyTimeout: first(bodyTimeout, own.bodyTimeout, DEFAULTS.bodyTimeout),
      maxPerHost: maxPerHost ?? own.maxPerHost ?? DEFAULTS.maxPerHost,
      retry: new FetchRetry(retry ?? own.retry ?? DEFAULTS.retry, method, !isStreamed),
      wait: stop === undefined ? {} : { signal: stop },
      isStreamed,
      onBodyCancelled: () => this.#cancelled++,
    };
  }
}

const ACTION = 'fetch';

/** The first that is given. Null is: it means no limit. */
function first(...values: readonly (number | null | undefined)[]): number | null {
  return values.find((value) => value !== undefined) ?? null;
}

function urlOf(input: string | URL): URL {
  if (!URL.canParse(input)) throw wrongValue(ACTION, 'url', 'an absolute URL or a Request', input);
  const url = new URL(input);
  if (url.username === '' && url.password === '') return url;
  url.username = '';
  url.password = '';
  throw new TypeError(
    `Cannot fetch ${url.origin}${url.pathname}: the URL has a user or password, send them in the header Authorization`,
  );
}

/** Whether a body can be sent once only. */
function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return body instanceof ReadableStream || (Symbol.asyncIterator in body && !(body instanceof Blob));
}

/** `all 4 places at http://kitchen are taken, 3 by responses whose body was not read`. */
function inUse(host: HttpHost | undefined, limit: number): string {
  const answered = host?.answered ?? 0;
  const unread = answered === 0 ? '' : `, ${answered} by responses whose body was not read to its end`;
  return `all ${limit} places at ${host?.name} are taken${unread}`;
}
