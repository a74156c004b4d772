// What a WebSocket has received and nobody has read: the store behind its Exchange. It stops the
// socket while it holds too much, and starts it again when half of that is read.
import { FifoStore } from '../queues/index.ts';
import type { Port } from './web-socket-package.ts';

/** What a message takes besides its bytes: without it, empty messages would be free. */
const OVERHEAD = 64;

export class Inbox extends FifoStore<string | Buffer> {
  readonly #port: Port;
  readonly #limit: number;
  /** Called when the socket reads again. */
  readonly #onResume: () => void;
  #closed = false;
  /** The bytes inside, and those that the messages take besides. */
  bytes = 0;
  /** Whether the socket is stopped. */
  paused = false;

  constructor(port: Port, limit: number, onResume: () => void) {
    super();
    this.#port = port;
    this.#limit = limit;
    this.#onResume = onResume;
  }

  override push(message: string | Buffer): void {
    super.push(message);
    this.bytes += sizeOf(message);
    if (this.bytes < this.#limit || this.paused || this.#closed) return;
    this.paused = true;
    this.#port.pause();
  }

  override shift(): string | Buffer {
    const message = super.shift();
    this.bytes -= sizeOf(message);
    if (this.bytes <= this.#limit / 2) this.#resume();
    return message;
  }

  override clear(): void {
    super.clear();
    this.bytes = 0;
  }

  /** Never stops the socket again. */
  close(): void {
    this.#closed = true;
    this.#resume();
  }

  #resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#port.resume();
    this.#onResume();
  }
}

/** The length of a text, in UTF-16 units, is what it takes at most where it is Latin, and near it otherwise. */
function sizeOf(message: string | Buffer): number {
  return message.length + OVERHEAD;
}
