// A request that fails, and why, as the protocol says it.
import type { RequestErrorCode } from '../protocol/index.ts';

export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;

  constructor(code: RequestErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
