// The Request that a handler receives. It is made without asking anything of the message: each part
// is computed when it is first read, and a Request of the runtime is made only for what is rarely
// used (clone, formData, cache, ...). It inherits from Request, so `instanceof` holds.
//
// Rejected: a Request of the runtime for each message. It costs as much as the rest of a small
// request together. @hono/node-server goes the same way, and so must we to be as fast.
import type { IncomingMessage } from 'node:http';
import { signalOf, type Task } from '../core/index.ts';
import type { RequestBody } from './request-body.ts';

const Native = globalThis.Request;

/** What stands behind a request: its exchange, as far as a Request is made of it. */
export interface RequestSource {
  readonly incoming: IncomingMessage;
  readonly task: Task<unknown>;
  readonly body: RequestBody;
  /** The address that was asked for. @throws RequestError when there is none */
  url(): string;
}

export class AppRequest {
  readonly #exchange: RequestSource;
  #url: string | undefined = undefined;
  #headers: Headers | undefined = undefined;
  #native: Request | undefined = undefined;

  constructor(exchange: RequestSource) {
    this.#exchange = exchange;
  }

  get method(): string {
    return this.#exchange.incoming.method ?? 'GET'; // always set for a request that was received
  }

  get url(): string {
    return (this.#url ??= this.#exchange.url());
  }

  get headers(): Headers {
    if (this.#headers !== undefined) return this.#headers;
    const { rawHeaders } = this.#exchange.incoming;
    const headers = new Headers();
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] as string; // i < length
      if (!name.startsWith(':')) headers.append(name, rawHeaders[i + 1] as string); // HTTP/2 has such names
    }
    return (this.#headers = headers);
  }

  /** The signal of the request's task. */
  get signal(): AbortSignal {
    return signalOf(this.#exchange.task);
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#hasBody ? this.#asNative().body : null;
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? this.#exchange.body.used;
  }

  async text(): Promise<string> {
    const text = (await this.#read()).toString('utf8');
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text; // as the Fetch Standard decodes
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.#read();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer; // Buffers of node:http are not shared
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.arrayBuffer()], { type: this.headers.get('content-type') ?? '' });
  }

  formData(): Promise<FormData> {
    return this.#asNative().formData();
  }

  clone(): Request {
    return this.#asNative().clone();
  }

  get [Symbol.toStringTag](): string {
    return 'Request';
  }

  /** What stands behind a request of ours; undefined for any other. */
  static exchangeOf(request: object): RequestSource | undefined {
    return #exchange in request ? request.#exchange : undefined;
  }

  /** The Request of the runtime, for what only it can do. From then on it has the body. */
  static nativeOf(request: unknown): Request | undefined {
    return typeof request === 'object' && request !== null && #native in request ? request.#asNative() : undefined;
  }

  get #hasBody(): boolean {
    const { method } = this;
    return method !== 'GET' && method !== 'HEAD';
  }

  async #read(): Promise<Buffer> {
    if (!this.#hasBody) return Buffer.alloc(0);
    if (this.#native !== undefined) return Buffer.from(await this.#native.arrayBuffer());
    return this.#exchange.body.read();
  }

  #asNative(): Request {
    if (this.#native !== undefined) return this.#native;
    const { method, headers, signal } = this;
    const init: RequestInit & { duplex?: 'half' } = { method, headers, signal };
    if (this.#hasBody) {
      init.body = this.#exchange.body.stream();
      init.duplex = 'half';
    }
    return (this.#native = new Native(this.url, init));
  }

  static {
    // The rest of Request, from one of the runtime.
    for (const name of Object.getOwnPropertyNames(Native.prototype)) {
      if (Object.hasOwn(this.prototype, name)) continue;
      Object.defineProperty(this.prototype, name, {
        configurable: true,
        get(this: AppRequest): unknown {
          const value: unknown = Reflect.get(this.#asNative(), name);
          return typeof value === 'function' ? value.bind(this.#asNative()) : value;
        },
      });
    }
    Object.setPrototypeOf(this.prototype, Native.prototype);
  }
}
