// The transport to an inspector: frames as server-sent events from `api/frames`, requests as POST to `api/request`.
import {
  completed,
  type Frame,
  type Method,
  type Methods,
  type Response,
  type SentFrame,
} from '../../inspect/protocol/index.ts';
import { RequestError, type FrameListener, type Transport } from './transport.ts';

/** Milliseconds between two tries. The page says so. */
export const RETRY_AFTER = 2000;
/** Milliseconds without a frame after which the server counts as lost. It sends one a second at least. */
const SILENCE = 6000;

/** Makes the transport to the server that sent the page. */
export function sseTransport(base: string): Transport {
  const retries = new Set<() => void>();
  let id = 0;
  return {
    subscribe(listener) {
      const stream = new FrameStream(`${base}api/frames`, listener);
      const retry = (): void => stream.open();
      retries.add(retry);
      return () => {
        retries.delete(retry);
        stream.close();
      };
    },
    async request<M extends Method>(method: M, params: Methods[M]['params']) {
      const answer = await post(`${base}api/request`, { id: ++id, method, params });
      // The protocol says so; the server is the one that sent this page.
      const body = answer as Response<M>;
      if ('error' in body) throw new RequestError(body.error.code, body.error.message);
      return body.result;
    },
    retry() {
      for (const each of retries) each();
    },
  };
}

async function post(url: string, body: object): Promise<unknown> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return await response.json();
  } catch (error) {
    throw new RequestError('LOST', `The server does not answer: ${String(error)}`);
  }
}

class FrameStream {
  readonly #url: string;
  readonly #listener: FrameListener;
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, listener: FrameListener) {
    this.#url = url;
    this.#listener = listener;
    this.open();
  }

  /** Opens the stream anew; the server begins again with a full frame. */
  open(): void {
    this.close();
    const source = new EventSource(this.#url);
    this.#source = source;
    let last: Frame | undefined;
    source.addEventListener('message', ({ data }: MessageEvent<string>) => {
      this.#after(SILENCE);
      last = completed(JSON.parse(data) as SentFrame, last); // the protocol says so
      this.#listener.onFrame(last);
    });
    // EventSource would try again at intervals of its own, and not at all after some errors.
    source.addEventListener('error', () => {
      // It is closed where the server has answered with something else than a stream.
      const isRefused = source.readyState === EventSource.CLOSED;
      this.#lose();
      if (isRefused) void this.#tellWhy();
    });
    this.#after(SILENCE);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #lose(): void {
    this.close();
    this.#timer = setTimeout(() => this.open(), RETRY_AFTER); // first: the listener may end it
    this.#listener.onLost();
  }

  /** An EventSource does not say what the answer was, so it is asked for once more. */
  async #tellWhy(): Promise<void> {
    const ending = new AbortController();
    try {
      const response = await fetch(this.#url, { signal: ending.signal });
      if (response.status >= 400 && this.#source === null) this.#listener.onLost((await response.text()).trim());
    } catch {
      // It does not answer at all.
    } finally {
      ending.abort(); // there may be a place by now, which the next try takes
    }
  }

  #after(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lose(), ms);
  }
}
