// The listening sockets of one server, from startServing() to close().
//
// States: DOWN -(start)-> BEGINNING -> UP -(close)-> CLOSED. A BEGINNING that fails goes back to
// DOWN.
//
// Several calls of start() share one beginning. A cancelled call leaves it. When the last call has
// left and none has succeeded, the beginning is undone, because a start that rejected must not
// listen. A call that comes in the meantime joins the beginning.
//
// Example: calls A and B wait. A is cancelled and rejects; B still waits, and resolves when UP. If
// B is cancelled too, nobody waits, and the sockets close as soon as they are open.
import { cancellable, CancelledError, InvalidStateError, type WaitOptions } from '../core/index.ts';
import type { Address } from './address.ts';
import type { OnOut } from './descriptor-watch.ts';
import type { Listener } from './listener.ts';
import { system } from './system.ts';

export class Listening {
  readonly #open: () => Promise<readonly Listener[]>;
  readonly #onOut: OnOut;
  readonly #onChange: (isUp: boolean) => void;
  #listeners: readonly Listener[] = [];
  /** The beginning. Undefined in DOWN, and after it failed or was undone. */
  #begun: Promise<void> | undefined = undefined;
  /** How many calls of start() wait for the beginning. */
  #waiting = 0;
  /** A call has succeeded: a cancel of another call no longer undoes the beginning. */
  #wanted = false;
  #closed = false;
  #watch: Disposable | undefined = undefined;

  /**
   * @param open opens all sockets, or none
   * @param onOut called when descriptors run out while it is UP
   * @param onChange called with true when it is UP, and with false when it no longer is
   */
  constructor(open: () => Promise<readonly Listener[]>, onOut: OnOut, onChange: (isUp: boolean) => void) {
    this.#open = open;
    this.#onOut = onOut;
    this.#onChange = onChange;
  }

  get isUp(): boolean {
    return this.#listeners.length > 0;
  }

  /** The addresses that it listens on; empty unless UP. */
  get addresses(): Address[] {
    return this.#listeners.map((listener) => listener.address);
  }

  /**
   * Resolves when it is UP. Cancellable. @throws the error of opening; InvalidStateError when
   * closed meanwhile; CancelledError
   */
  async start(options?: WaitOptions): Promise<void> {
    this.#waiting++;
    try {
      await cancellable((this.#begun ??= this.#begin()), options);
      this.#wanted = true;
    } catch (error) {
      if (error instanceof CancelledError && this.#waiting === 1 && !this.#wanted && this.isUp) this.#takeBack();
      throw error;
    } finally {
      this.#waiting--;
    }
  }

  /** start() without a wait, where opening cannot fail. */
  startNow(): void {
    this.#wanted = true;
    void (this.#begun ??= this.#begin());
  }

  /** Closes for good. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#takeBack();
  }

  async #begin(): Promise<void> {
    let listeners: readonly Listener[];
    try {
      listeners = await this.#open();
    } catch (error) {
      this.#begun = undefined; // it may be tried again
      throw error;
    }
    this.#listeners = listeners;
    this.#watch = system?.descriptors.watch(this.#onOut);
    if (!this.#closed && (this.#waiting > 0 || this.#wanted)) {
      this.#onChange(true);
      return;
    }
    this.#takeBack();
    if (this.#closed) throw new InvalidStateError('Cannot start serving: the server was closed meanwhile');
  }

  /** Closes the sockets and goes back to DOWN. */
  #takeBack(): void {
    const wasUp = this.isUp;
    if (wasUp) this.#begun = undefined; // a beginning in progress checks #waiting itself
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (wasUp) this.#onChange(false);
  }
}
