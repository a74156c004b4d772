// signals: signals of the process as an async iterator.
//
// States: OPEN -(return, dispose, the end of its scope or of run)-> CLOSED. It listens from the
// call on, so that no signal is lost before the first next().
//
// - A signal for which no next() waits is kept, once per name, as the system does. So the number of
//   kept signals is bounded by the number of names.
// - A next() that was answered and then cancelled puts its signal back.
// - While a next() waits, it keeps the process alive: a signal can still come. The host's listeners
//   alone do not.
import { AsyncIteration, KeepAlive } from '../base/index.ts';
import { atScopeEnd, beginWait, host, Line, mayAnswer, answeredWait, QueuedWait, Resource } from '../core/index.ts';
import { checkSignal, listen } from './check-signal.ts';

type Result = IteratorResult<NodeJS.Signals, undefined>;

/**
 * The result of `signals`: yields names of signals. Leave the loop, or dispose it, to stop
 * listening.
 */
export type SignalIterator = AsyncIterableIterator<NodeJS.Signals, undefined> & AsyncDisposable;

const DONE: Result = { done: true, value: undefined };

/** The resource of the iterator. Separate from it, because the `next` of a Resource is a link. */
class Receiver extends Resource {
  readonly #names: readonly NodeJS.Signals[];
  /** The signals that came and were not taken, in the order of arrival. */
  readonly #kept = new Set<NodeJS.Signals>();
  readonly #line = new Line<Result, NextSignal>();
  /** The listener. Undefined once closed. */
  #listening: Disposable | undefined;
  readonly #tie: Disposable;
  /** Holds while a next() waits. */
  readonly #alive = new KeepAlive();

  constructor(names: readonly NodeJS.Signals[]) {
    super();
    this.#names = names;
    this.#listening = listen(names, (name) => this.#received(name));
    this.#tie = atScopeEnd(() => this.close());
    this.markOpened();
  }

  get kind(): 'signals' {
    return 'signals';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get label(): string {
    return `signals ${this.#names.join(' ')}`;
  }

  statistics(): object {
    return { names: this.#names, kept: this.#kept.size, waiting: this.#line.size };
  }

  override toString(): string {
    return `<Signals ${this.#names.join(' ')}>`;
  }

  override async endWithin(): Promise<void> {
    this.close();
  }

  override endNow(): void {
    this.close();
  }

  take(): Promise<Result> {
    const refused = beginWait();
    if (refused !== undefined) return refused;
    const result = this.#takeKept();
    if (result !== undefined) {
      return mayAnswer() ? Promise.resolve(result) : answeredWait('signals.next', this, result, undefined);
    }
    this.#alive.hold(host);
    return this.#line.join(new NextSignal(this));
  }

  /** Called when a next() that was answered with `name` was cancelled. */
  giveBack(name: NodeJS.Signals): void {
    const later = [...this.#kept];
    this.#kept.clear();
    for (const each of [name, ...later]) this.#received(each);
  }

  /** Called when a wait has ended: the process may end if no other waits. */
  waiterLeft(): void {
    if (this.#line.size === 0) this.#alive.release(host);
  }

  /**
   * Takes the signal that was kept first. Returns the end once closed, and undefined if none is
   * kept.
   */
  #takeKept(): Result | undefined {
    if (this.#listening === undefined) return DONE;
    for (const name of this.#kept) {
      this.#kept.delete(name);
      return { done: false, value: name };
    }
    return undefined;
  }

  /** Answers the first next() that waits, or keeps the signal. */
  #received(name: NodeJS.Signals): void {
    if (this.#listening === undefined) return;
    if (!this.#line.answerFirst({ done: false, value: name })) this.#kept.add(name);
    this.waiterLeft();
  }

  close(): void {
    if (this.#listening === undefined) return;
    this.#listening[Symbol.dispose]();
    this.#listening = undefined;
    this.#tie[Symbol.dispose]();
    this.#line.answerAll(DONE);
    this.waiterLeft();
    this.markClosed();
  }
}

class NextSignal extends QueuedWait<Result> {
  readonly #receiver: Receiver;

  constructor(receiver: Receiver) {
    super('signals.next', receiver);
    this.#receiver = receiver;
  }

  protected override withdraw(answered: boolean, value: Result): void {
    super.withdraw(answered, value);
    if (answered && value.done !== true) this.#receiver.giveBack(value.value);
    this.#receiver.waiterLeft();
  }
}

class SignalIteration extends AsyncIteration<NodeJS.Signals> {
  readonly #receiver: Receiver;

  constructor(receiver: Receiver) {
    super();
    this.#receiver = receiver;
  }

  protected override step(): Promise<Result> {
    return this.#receiver.take();
  }

  protected override end(): void {
    this.#receiver.close();
  }

  override toString(): string {
    return String(this.#receiver);
  }
}

/**
 * Receives signals of the process, from the call on. Yields the name of each, in the order of
 * arrival. A signal that comes again before it was taken counts once, as in the system. The
 * iteration ends when you leave the loop, dispose the iterator, or when the scope of the caller
 * ends (a task, or the body of a timeout or group). The signals then have their default effect
 * again.
 *
 * `next()` is cancellable and loses no signal. While it waits, it keeps the process alive. Inside
 * `run()`, SIGINT and SIGTERM also cancel main, unless `run` was called with `{ handleSignals:
 * false }`. trio: `open_signal_receiver`.
 * @param names one signal or more, such as `SIGHUP`
 * @throws TypeError without names, or unless they are text
 * @throws RangeError for a signal that cannot be received
 *
 * @example
 * ```ts
 * import { run } from 'maitre';
 * import { signals } from 'maitre/signals';
 * await run(async () => {
 *   const hangUps = signals('SIGHUP');
 *   process.kill(process.pid, 'SIGHUP');
 *   for await (const name of hangUps) {
 *     console.log(name);
 *     break;
 *   }
 * });
 * ```
 */
export function signals(...names: readonly NodeJS.Signals[]): SignalIterator {
  if (names.length === 0) throw new TypeError("Cannot receive signals: expected their names, as in signals('SIGHUP')");
  for (const name of names) checkSignal(name, 'receive signals');
  return new SignalIteration(new Receiver([...new Set(names)]));
}
