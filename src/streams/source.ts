// Source: what brings items from outside of the program, for an async iterator: signals of the
// process, lines of a file that others write, changes of files.
//
// States: OPEN -(close)-> CLOSED, and OPEN -(fail)-> FAILED -(anybody received the error, or
// close)-> CLOSED. close() is called at the end of the iteration, of the scope that opened it, and of
// run. An error that ready() has rejected with is kept for one next().
//
// - The subclass has the items: `takeItem` removes the first one, `putBack` returns it to its place.
//   It calls `offer` whenever there may be one.
// - A next() that was answered and then cancelled puts its item back, and the next one takes it. So
//   sources lose nothing in `merge`, `race` and `timeout`.
// - The subclass decides when it looks for more. `onWait` tells it that a next() waits; as long as
//   none does, it need not.
// - While a next() or ready() waits, the process stays alive. What brings the items need not do that.
import { AsyncIteration, KeepAlive } from '../base/index.ts';
import {
  answeredWait,
  atScopeEnd,
  beginWait,
  host,
  Line,
  mayAnswer,
  QueuedWait,
  reportException,
  Resource,
  type WaitOptions,
} from '../core/index.ts';

interface Failure {
  readonly error: unknown;
  /** True once anybody received it. Otherwise the end reports it. */
  isReceived: boolean;
}

/** The resource. Separate from the iterator, because the `next` of a Resource is a link. */
export abstract class Source<T extends object | string> extends Resource {
  readonly #line = new Line<IteratorResult<T, undefined>, NextItem<T>>();
  readonly #untilReady = new Line<void>();
  readonly #alive = new KeepAlive();
  #isOpen = true;
  #isReady = false;
  #failure: Failure | undefined = undefined;
  /** Undefined before `open`. */
  #tie: Disposable | undefined = undefined;

  /** Removes the first item and returns it; undefined if there is none. */
  protected abstract takeItem(): T | undefined;

  /** Returns an item that was taken to its place before all others. */
  protected abstract putBack(item: T): void;

  /** Called when a next() has begun to wait. */
  protected onWait(): void {}

  /** Releases what brings the items. Called once: at the end, or when it has failed. */
  protected abstract onEnd(): void;

  /** What is still in progress after `onEnd`. It must not reject. */
  protected get remainder(): Promise<void> | undefined {
    return undefined;
  }

  protected override get hasEnd(): true {
    return true;
  }

  /** False once it has failed or was closed. */
  protected get isOpen(): boolean {
    return this.#isOpen && this.#failure === undefined;
  }

  /** The number of calls of next() that wait. */
  protected get waiting(): number {
    return this.#line.size;
  }

  /** Ties it to the scope of the caller. The last step of a constructor. */
  protected open(): void {
    this.#tie = atScopeEnd(() => {
      if (this.#isOpen) void this.close(); // else the end was first, and unties it
    });
    this.markOpened();
  }

  /** Resolves the calls of ready(). */
  protected markReady(): void {
    this.#isReady = true;
    this.#untilReady.answerAll();
    this.waiterLeft();
  }

  /** Answers the next() calls that wait, as long as there are items. */
  protected offer(): void {
    while (this.#isOpen && this.#line.size > 0) {
      const item = this.takeItem();
      if (item === undefined) break;
      this.#line.answerFirst({ done: false, value: item });
    }
    this.waiterLeft();
  }

  /**
   * Ends it with an error. ready() rejects with it, and one next(): the one that waits, or a later
   * one.
   */
  protected fail(error: unknown): void {
    if (!this.isOpen) return; // nobody asks for items any more
    this.#failure = { error, isReceived: this.#line.size + this.#untilReady.size > 0 };
    this.onEnd();
    this.#untilReady.failAll(() => error);
    if (this.#line.shift()?.fail(error) === true) this.#failure = undefined;
    if (this.#failure?.isReceived !== false) this.#end();
  }

  /** The next item. */
  take(options?: WaitOptions): Promise<IteratorResult<T, undefined>> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#failure !== undefined) {
      const rejection = this.#reject(this.#failure);
      this.#failure = undefined;
      return rejection;
    }
    if (!this.#isOpen) {
      const done: IteratorResult<T, undefined> = { done: true, value: undefined };
      return mayAnswer(options) ? Promise.resolve(done) : answeredWait(`${this.kind}.next`, this, done, options);
    }
    const item = this.#line.size > 0 ? undefined : this.takeItem();
    if (item !== undefined) {
      if (mayAnswer(options)) return Promise.resolve({ done: false, value: item });
      this.putBack(item);
    }
    this.#alive.hold(host);
    const promise = this.#line.join(new NextItem(this, options));
    this.offer();
    if (this.#line.size > 0) this.onWait();
    return promise;
  }

  /** Waits until items are sure to come. */
  ready(options?: WaitOptions): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#failure !== undefined) return this.#reject(this.#failure);
    if (this.#isOpen && !this.#isReady) {
      this.#alive.hold(host);
      return this.#untilReady.join(new UntilReady(this, options));
    }
    if (mayAnswer(options)) return Promise.resolve();
    return answeredWait<void>(`${this.kind}.ready`, this, undefined, options);
  }

  /** Called by a next() that was answered with `item` and then cancelled. @internal */
  giveBack(item: T): void {
    if (!this.#isOpen) return;
    this.putBack(item);
    this.offer();
  }

  /** Called when a wait has ended: the process may end if no other waits. @internal */
  waiterLeft(): void {
    if (this.#line.size === 0 && this.#untilReady.size === 0) this.#alive.release(host);
  }

  /** Ends it. Resolves when nothing of it is in progress any more. Idempotent. Never rejects. */
  async close(): Promise<void> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (this.#isOpen) {
      if (failure === undefined) this.onEnd();
      else if (!failure.isReceived) {
        reportException({ message: `A source failed that nobody waited for (${this.label})`, error: failure.error });
      }
      this.#end();
    }
    await this.remainder;
  }

  override endWithin(): Promise<void> {
    return this.close();
  }

  override endNow(): void {
    void this.close();
  }

  /** A caller receives the error. */
  #reject(failure: Failure): Promise<never> {
    failure.isReceived = true;
    if (this.#isOpen) this.#end();
    return Promise.reject(failure.error);
  }

  /** Enters CLOSED. */
  #end(): void {
    this.#isOpen = false;
    this.#tie?.[Symbol.dispose]();
    this.#line.answerAll({ done: true, value: undefined });
    this.#untilReady.answerAll();
    this.waiterLeft();
    this.markClosed();
  }
}

class UntilReady extends QueuedWait<void> {
  readonly #source: { readonly kind: string; waiterLeft(): void };

  constructor(source: { readonly kind: string; waiterLeft(): void }, options?: WaitOptions) {
    super(`${source.kind}.ready`, source, options);
    this.#source = source;
  }

  protected override withdraw(answered: boolean, value: void): void {
    super.withdraw(answered, value);
    this.#source.waiterLeft();
  }
}

class NextItem<T extends object | string> extends QueuedWait<IteratorResult<T, undefined>> {
  readonly #source: Source<T>;

  constructor(source: Source<T>, options?: WaitOptions) {
    super(`${source.kind}.next`, source, options);
    this.#source = source;
  }

  protected override withdraw(answered: boolean, value: IteratorResult<T, undefined>): void {
    super.withdraw(answered, value);
    if (answered && value.done !== true) this.#source.giveBack(value.value);
    this.#source.waiterLeft();
  }
}

/** The iterator over a source. */
export class SourceIterator<T extends object | string> extends AsyncIteration<T> {
  readonly #source: Source<T>;
  readonly #options: WaitOptions | undefined;

  /** @param options those of every next() */
  constructor(source: Source<T>, options?: WaitOptions) {
    super();
    this.#source = source;
    this.#options = options;
  }

  /** See `Source.ready`. */
  ready(): Promise<void> {
    return this.#source.ready(this.#options);
  }

  protected override step(): Promise<IteratorResult<T, undefined>> {
    return this.#source.take(this.#options);
  }

  protected override end(): Promise<void> {
    return this.#source.close();
  }

  override toString(): string {
    return String(this.#source);
  }
}
