import { ConnectionLostError } from '../core/index.ts';

/**
 * A request that cannot be served as it came: too large, or malformed. Thrown by what a handler
 * reads of its request. A handler that lets it pass answers with its `status`; so does Hono.
 *
 * @example
 * ```ts
 * import { RequestError } from 'maitre/http';
 * const error = new RequestError('Cannot read the request: it is too long', { status: 413 });
 * console.log(error.status); // 413
 * ```
 */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** The status to answer with: 400, 408, 413, 431. */
  readonly status: number;

  constructor(message: string, options: ErrorOptions & { readonly status: number }) {
    super(message, options);
    this.status = options.status;
  }

  /** The answer. Hono calls this for errors that a handler did not catch. */
  getResponse(): Response {
    return new Response(`${this.message}\n`, { status: this.status });
  }
}

/** The error of a request whose client left before its end. */
export function bodyLost(): ConnectionLostError {
  return new ConnectionLostError('Connection lost: the client left before the end of the request');
}
