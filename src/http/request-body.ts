// The body of a request: read whole, or as a stream, once.
//
// States: UNUSED -(read, stream)-> USED. In UNUSED nothing was read, and node:http holds the client
// back. A body that nobody reads is drained by node:http after the answer.
//
// - Both ways count, and end with a RequestError (413) above `maxBodySize`.
// - The end of a body is not the end of its client. Only the connection knows that.
// - A client that leaves cancels the task of its request, and so the read in it. A request that goes
//   on without its client has a ConnectionLostError here.
import type { IncomingMessage } from 'node:http';
import { beginWait, callSoon, Wait } from '../core/index.ts';
import type { Connection } from '../net/index.ts';
import { bodyLost, RequestError } from './request-error.ts';

export class RequestBody {
  readonly #incoming: IncomingMessage;
  readonly #connection: Connection | undefined;
  readonly #most: number;
  /** Whether it was read, or is being read. */
  used = false;

  /** @param most bytes that it may have */
  constructor(incoming: IncomingMessage, connection: Connection | undefined, most: number) {
    this.#incoming = incoming;
    this.#connection = connection;
    this.#most = most;
  }

  /**
   * Reads all of it. Cancellable; what is left is then dropped.
   * @throws RequestError when it is too large; TypeError when it was used; ConnectionLostError;
   * CancelledError
   */
  read(): Promise<Buffer> {
    const refused = beginWait();
    if (refused !== undefined) return refused;
    if (!this.#use()) return Promise.reject(unusable());
    return new BodyWait(this.#incoming, this.#connection, this.#most).promise;
  }

  /** The body as a stream, which reads as fast as it is read. */
  stream(): ReadableStream<Uint8Array> {
    if (!this.#use()) throw unusable();
    return streamOf(this.#incoming, this.#most);
  }

  #use(): boolean {
    if (this.used || this.#incoming.readableDidRead) return false;
    return (this.used = true);
  }
}

function unusable(): TypeError {
  return new TypeError('Cannot read the body of the request: it was read already');
}

function tooLarge(most: number): RequestError {
  const message = `Cannot read the body of the request: it has more than ${most} bytes, which is maxBodySize`;
  return new RequestError(message, { status: 413 });
}

/** Waits for all of a body. */
class BodyWait extends Wait<Buffer> {
  readonly #incoming: IncomingMessage;
  readonly #most: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(incoming: IncomingMessage, connection: Connection | undefined, most: number) {
    super('request.body', connection);
    this.#incoming = incoming;
    this.#most = most;
    if (incoming.destroyed && !incoming.complete) this.fail(bodyLost());
    else incoming.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose).on('error', ignore);
  }

  protected override withdraw(): void {
    this.#leave();
    this.#incoming.resume(); // dropped
  }

  #leave(): void {
    this.#incoming.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#size += chunk.length;
    if (this.#size <= this.#most) {
      this.#chunks.push(chunk);
      return;
    }
    this.#leave();
    this.#incoming.pause(); // the answer closes the connection
    this.fail(tooLarge(this.#most));
  };

  readonly #onEnd = (): void => {
    this.#leave();
    this.answer(this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)); // length 1
  };

  readonly #onClose = (): void => {
    this.#leave();
    callSoon(() => this.fail(bodyLost())); // the end of the connection, which may come later, cancels it
  };
}

/** Holds nothing: it asks the client for more only when its reader wants more. */
function streamOf(incoming: IncomingMessage, most: number): ReadableStream<Uint8Array> {
  let size = 0;
  let isOver = false;
  const source = {
    start(controller: ReadableStreamDefaultController<Uint8Array>): void {
      const end = (error?: Error): void => {
        if (isOver) return;
        isOver = true;
        if (error === undefined) controller.close();
        else controller.error(error);
      };
      incoming.on('error', ignore);
      incoming.on('end', () => end());
      incoming.on('close', () => end(bodyLost()));
      incoming.on('data', (chunk: Buffer) => {
        if (isOver) return; // the reader has left: the rest is dropped
        size += chunk.length;
        if (size > most) {
          incoming.pause();
          end(tooLarge(most));
          return;
        }
        controller.enqueue(chunk);
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.pause();
    },
    pull(): void {
      incoming.resume();
    },
    cancel(): void {
      isOver = true;
      incoming.resume();
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

function ignore(): void {}
