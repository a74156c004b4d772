// What a WebSocket sends: messages that ws has and the system has not taken, and the tasks that wait
// until there is room for theirs. A slow client costs `limit` bytes and one message.
//
// - There is room until `limit` bytes are unsent, and then again when at most a quarter of them is
//   left. Waking a task for each message that leaves would make every message a turn of its own.
// - A task in line is answered with a reservation of its bytes, and sends at delivery. If it is
//   cancelled before, the message was not sent, and its room goes to the next in line. So a
//   cancelled send never sends, and messages leave in the order of the calls.
import { beginWait, Line, mayAnswer, QueuedWait, type WaitOptions } from '../core/index.ts';
import type { Port } from './web-socket-package.ts';

const SENT: Promise<void> = Promise.resolve();

class SendWait extends QueuedWait<void> {
  readonly outbox: Outbox;
  readonly data: string | Uint8Array;
  readonly bytes: number;

  constructor(outbox: Outbox, data: string | Uint8Array, bytes: number, resource: object, options?: WaitOptions) {
    super('socket.send', resource, options);
    this.outbox = outbox;
    this.data = data;
    this.bytes = bytes;
  }

  protected override take(): void {
    this.outbox.sendReserved(this.data, this.bytes);
  }

  protected override withdraw(answered: boolean, value: void): void {
    if (answered) this.outbox.giveBack(this.bytes);
    else super.withdraw(answered, value);
  }
}

/** The outbox of one WebSocket: see the head of this file. */
export class Outbox {
  readonly #port: Port;
  readonly #limit: number;
  readonly #line = new Line<void, SendWait>();
  /** Bytes promised to tasks that were answered and have not sent yet. */
  #reserved = 0;
  /** How many tasks those are. Empty messages reserve no bytes. */
  #promised = 0;
  /** True from `limit` unsent bytes on, until a quarter is left. */
  #full = false;
  /** Makes the error for sends after close(). Undefined while open. */
  #closed: (() => Error) | undefined = undefined;
  /** Messages that were handed to ws. */
  messages = 0;
  /** Whether a call was refused because of close(). */
  hasRefused = false;
  /** Bytes of those messages. */
  bytes = 0;
  /** How often the system has taken something. The heartbeat looks whether it grows. */
  taken = 0;
  readonly #sent: () => void;

  /** @param onTaken called when the system has taken something, before tasks in line are answered */
  constructor(port: Port, limit: number, onTaken: () => void) {
    this.#port = port;
    this.#limit = limit;
    this.#sent = () => {
      this.taken++;
      onTaken();
      this.settle();
    };
  }

  /** The number of tasks that wait for room. */
  get waiting(): number {
    return this.#line.size;
  }

  /** Whether less than the limit is unsent, or less than a quarter of it once it was reached. */
  get hasRoom(): boolean {
    const unsent = this.#port.bufferedAmount + this.#reserved;
    this.#full = unsent >= (this.#full ? this.#limit / 4 : this.#limit);
    return !this.#full;
  }

  send(data: string | Uint8Array, resource: object, options: WaitOptions | undefined): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#closed !== undefined) return Promise.reject(this.#refusal(this.#closed));
    if (this.#line.size === 0 && this.#promised === 0 && this.hasRoom && mayAnswer(options)) {
      this.#transmit(data, byteLength(data));
      return SENT;
    }
    const promise = this.#line.join(new SendWait(this, data, byteLength(data), resource, options));
    this.settle();
    return promise;
  }

  /** Answers a ping. It may overtake messages: it is no message. */
  pong(data: Uint8Array): void {
    this.#port.pong(data, undefined, this.#sent);
  }

  /** Rejects what waits and what comes. Idempotent. */
  close(reason: () => Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#line.failAll(() => this.#refusal(reason));
  }

  /** Answers those in line for whom there is room. */
  settle(): void {
    for (let first = this.#line.first; first !== undefined && this.hasRoom; first = this.#line.first) {
      this.#line.shift();
      this.#reserved += first.bytes;
      this.#promised++;
      first.answer();
    }
  }

  /** Called by a wait at delivery. */
  sendReserved(data: string | Uint8Array, bytes: number): void {
    this.#reserved -= bytes;
    this.#promised--;
    if (this.#closed !== undefined) throw this.#refusal(this.#closed);
    this.#transmit(data, bytes);
    this.settle();
  }

  /** Called by a wait that was cancelled after its answer. */
  giveBack(bytes: number): void {
    this.#reserved -= bytes;
    this.#promised--;
    this.settle();
  }

  #refusal(reason: () => Error): Error {
    this.hasRefused = true;
    return reason();
  }

  #transmit(data: string | Uint8Array, bytes: number): void {
    this.messages++;
    this.bytes += bytes;
    this.#port.send(data, { binary: typeof data !== 'string' }, this.#sent);
  }
}

function byteLength(data: string | Uint8Array): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
}
