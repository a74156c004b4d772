// The listening sockets of one server, from startServing to close.
//
// States: DOWN -(start)-> BEGINNING -> UP -(close)-> CLOSED; BEGINNING fails back to DOWN. Several calls of start share one
// beginning. Cancelled ones leave it, and when the last has left before any of them has succeeded, it is taken back: a start that
// rejected must not listen all the same. One that comes in the meantime goes on with what has begun.
import { cancellable, CancelledError, InvalidStateError, type WaitOptions } from '../core/index.ts';
import type { Address } from './address.ts';
import { descriptorWatch, type OnOut } from './descriptor-watch.ts';
import type { Listener } from './listener.ts';

export class Listening {
  readonly #open: () => Promise<readonly Listener[]>;
  readonly #onOut: OnOut;
  readonly #onChange: (isUp: boolean) => void;
  #listeners: readonly Listener[] = [];
  /** Set from BEGINNING on; undefined again when it failed or was taken back. */
  #begun: Promise<void> | undefined = undefined;
  /** Calls of start that wait for the beginning. */
  #waiting = 0;
  /** One of them has succeeded: nobody else's cancel takes it back. */
  #wanted = false;
  #closed = false;
  #watch: Disposable | undefined = undefined;

  /**
   * @param open opens all sockets, or none
   * @param onOut called when descriptors run out while it is UP
   * @param onChange called when it is UP, and when it is no more
   */
  constructor(open: () => Promise<readonly Listener[]>, onOut: OnOut, onChange: (isUp: boolean) => void) {
    this.#open = open;
    this.#onOut = onOut;
    this.#onChange = onChange;
  }

  get isUp(): boolean {
    return this.#listeners.length > 0;
  }

  /** Where it listens; empty unless UP. */
  get addresses(): Address[] {
    return this.#listeners.map((listener) => listener.address);
  }

  /** Resolves when it is UP. @throws what opening failed with; InvalidStateError when closed meanwhile; CancelledError */
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
    this.#watch = descriptorWatch.watch(this.#onOut);
    if (!this.#closed && (this.#waiting > 0 || this.#wanted)) {
      this.#onChange(true);
      return;
    }
    this.#takeBack();
    if (this.#closed) throw new InvalidStateError('Cannot start serving: the server was closed meanwhile');
  }

  /** Back to DOWN. */
  #takeBack(): void {
    const wasUp = this.isUp;
    if (wasUp) this.#begun = undefined; // one that is under way finds out by itself
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (wasUp) this.#onChange(false);
  }
}
