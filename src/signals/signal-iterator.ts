// signals: signals of the process as an async iterator.
//
// It listens from the call on, so that no signal is lost before the first next(). A signal for which
// no next() waits is kept, once per name, as the system does. So the number of kept signals is
// bounded by the number of names.
import { Source, SourceIterator } from '../streams/index.ts';
import { checkSignal, listen } from './check-signal.ts';

/**
 * The result of `signals`: yields names of signals. Leave the loop, or dispose it, to stop
 * listening.
 */
export type SignalIterator = AsyncIterableIterator<NodeJS.Signals, undefined> & AsyncDisposable;

class SignalSource extends Source<NodeJS.Signals> {
  readonly #names: readonly NodeJS.Signals[];
  /** The signals that came and were not taken, in the order of arrival. */
  #kept = new Set<NodeJS.Signals>();
  readonly #listening: Disposable;

  constructor(names: readonly NodeJS.Signals[]) {
    super();
    this.#names = names;
    this.#listening = listen(names, (name) => {
      this.#kept.add(name);
      this.offer();
    });
    this.markReady();
    this.open();
  }

  get kind(): 'signals' {
    return 'signals';
  }

  override get label(): string {
    return `signals ${this.#names.join(' ')}`;
  }

  statistics(): object {
    return { names: this.#names, kept: this.#kept.size, waiting: this.waiting };
  }

  override toString(): string {
    return `<Signals ${this.#names.join(' ')}>`;
  }

  protected override takeItem(): NodeJS.Signals | undefined {
    const [first] = this.#kept;
    if (first !== undefined) this.#kept.delete(first);
    return first;
  }

  protected override putBack(name: NodeJS.Signals): void {
    this.#kept = new Set([name, ...this.#kept]);
  }

  protected override onEnd(): void {
    this.#listening[Symbol.dispose]();
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
  return new SourceIterator(new SignalSource([...new Set(names)]));
}
