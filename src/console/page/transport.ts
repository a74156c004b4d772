// How the page talks to the process that it shows.
import type { Frame, Method, Methods, RequestErrorCode } from '../../inspect/protocol/index.ts';

export type Result<M extends Method> = Methods[M]['result'];

/** A request that the process refused, or that did not reach it: `LOST`. */
export class RequestError extends Error {
  readonly code: RequestErrorCode | 'LOST';

  constructor(code: RequestErrorCode | 'LOST', message: string) {
    super(message);
    this.name = 'RequestError';
    this.code = code;
  }
}

export interface FrameListener {
  /** The first one after a start or a loss is full. */
  onFrame(frame: Frame): void;
  /** No more frames come. The transport tries again by itself. `why` is the reason of a server that has refused. */
  onLost(why?: string): void;
}

export interface Transport {
  /** Returns what ends it. */
  subscribe(listener: FrameListener): () => void;
  /** Rejects with a RequestError. */
  request<M extends Method>(method: M, params: Methods[M]['params']): Promise<Result<M>>;
  /** Tries at once, where the next try would come later. */
  retry(): void;
}
