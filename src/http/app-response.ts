// The Response that handlers make while a server of maitre runs: it stands in for the global one,
// keeps what it was made of, and makes a Response of the runtime only when a part is asked for that
// it does not know itself. So most answers go from the handler to the socket without a stream.
//
// Rejected: to send the runtime's own Response. It wraps every body, also a string, into a stream,
// whose reading costs more than the rest of a small request.
const Native = globalThis.Response;

// The types of node do not have these by name.
type Body = ConstructorParameters<typeof Response>[0];
export type HeadersInit = ConstructorParameters<typeof Headers>[0];

/** What an answer was made of, where it can be sent as it is. */
export interface Parts {
  readonly status: number;
  readonly statusText: string | undefined;
  /** The headers as they were passed, or as they are since somebody asked for them. */
  readonly headers: HeadersInit | undefined;
  /** Whether a content-type is missing that the Fetch Standard adds to text. */
  readonly isText: boolean;
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null;
}

const TEXT = 'text/plain;charset=UTF-8';
/** Statuses that have no body. */
const NULL_BODY = new Set([101, 103, 204, 205, 304]);

export class AppResponse {
  readonly #body: string | Uint8Array | ReadableStream<Uint8Array> | null;
  readonly #status: number;
  readonly #statusText: string | undefined;
  readonly #init: HeadersInit | undefined;
  #headers: Headers | undefined = undefined;
  #native: Response | undefined = undefined;

  constructor(body?: Body, init?: ResponseInit) {
    const status = init?.status ?? 200;
    const isSimple =
      body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array || isStream(body);
    const isOrdinary = isSimple && Number.isInteger(status) && status >= 200 && status <= 599;
    this.#body = isSimple ? (body ?? null) : null;
    this.#status = status;
    this.#statusText = init?.statusText;
    this.#init = init?.headers;
    // The runtime knows what else a body may be, and what is not allowed.
    if (!isOrdinary || (this.#body !== null && NULL_BODY.has(status))) this.#native = new Native(body, init);
    else if (isStream(this.#body) && this.#body.locked) this.#native = new Native(body, init);
  }

  get status(): number {
    return this.#native?.status ?? this.#status;
  }

  get ok(): boolean {
    const { status } = this;
    return status >= 200 && status <= 299;
  }

  get headers(): Headers {
    if (this.#native !== undefined) return this.#native.headers;
    if (this.#headers !== undefined) return this.#headers;
    const headers = new Headers(this.#init);
    if (typeof this.#body === 'string' && !headers.has('content-type')) headers.set('content-type', TEXT);
    return (this.#headers = headers);
  }

  get [Symbol.toStringTag](): string {
    return 'Response';
  }

  static json(data: unknown, init?: ResponseInit): AppResponse {
    const text = JSON.stringify(data) as string | undefined; // the types leave undefined out
    if (text === undefined) throw new TypeError('Cannot make a JSON response: the data is not serializable');
    const headers = new Headers(init?.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new AppResponse(text, { ...init, headers });
  }

  /** Holds for the runtime's own too. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return Native[Symbol.hasInstance](value);
  }

  /** What to send of an AppResponse that nobody turned into one of the runtime; else undefined. */
  static partsOf(response: object): Parts | undefined {
    if (!(#native in response) || response.#native !== undefined) return undefined;
    return {
      status: response.#status,
      statusText: response.#statusText,
      headers: response.#headers ?? response.#init,
      isText: response.#headers === undefined && typeof response.#body === 'string',
      body: response.#body,
    };
  }

  #asNative(): Response {
    if (this.#native !== undefined) return this.#native;
    const { headers } = this;
    const statusText = this.#statusText ?? '';
    const native = new Native(this.#body as Body, { status: this.#status, statusText, headers }); // bytes over any buffer
    // What was read of the headers stays the same object.
    if (this.#headers !== undefined) Object.defineProperty(native, 'headers', { value: this.#headers });
    return (this.#native = native);
  }

  static {
    for (const name of Object.getOwnPropertyNames(Native.prototype)) {
      if (Object.hasOwn(this.prototype, name)) continue;
      Object.defineProperty(this.prototype, name, {
        configurable: true,
        get(this: AppResponse): unknown {
          const native = this.#asNative();
          const value: unknown = Reflect.get(native, name);
          return typeof value === 'function' ? value.bind(native) : value;
        },
      });
    }
    Object.setPrototypeOf(this.prototype, Native.prototype);
    Object.setPrototypeOf(this, Native); // error, redirect
  }
}

function isStream(value: unknown): value is ReadableStream<Uint8Array> {
  return value instanceof ReadableStream;
}
