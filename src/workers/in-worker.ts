// What a program knows of the worker in which it runs: `isWorker` and `worker`.
import { InvalidStateError } from '../core/index.ts';

/** Whether this program runs in a worker of a supervisor. */
export let isWorker: boolean = false;

/** The worker in which the program runs. In a program that is no worker, `id` is 0. */
export interface ThisWorker {
  /** Its number: from 1, never used again. 0 outside of workers. */
  readonly id: number;
  /**
   * Says that clients may come, once the program listens. Call it in a program that has more to do than to
   * listen before it can serve, before it listens. Outside of workers, it only waits for `what`.
   *
   * @param what a promise or an async function to wait for first. If it rejects, the worker fails to
   * start
   *
   * @example
   * ```ts
   * import { startServer } from 'maitre';
   * import { worker } from 'maitre/workers';
   * const menu = new Map<string, number>();
   * worker.ready(async () => void menu.set('soup', 4)); // or what takes longer
   * await using server = await startServer((reader, writer) => writer.write(`soup: ${menu.get('soup')}`), {
   *   host: '127.0.0.1',
   * });
   * ```
   */
  ready(what?: PromiseLike<unknown> | (() => unknown)): Promise<void>;
}

let id = 0;
let onReady: ((what: () => unknown) => Promise<void>) | undefined;

/** The worker in which this program runs. */
export const worker: ThisWorker = {
  get id() {
    return id;
  },
  async ready(what) {
    if (
      what !== undefined &&
      typeof what !== 'function' &&
      typeof (what as Partial<PromiseLike<unknown>>).then !== 'function'
    )
      throw new TypeError('Cannot get ready: expected a promise or a function');
    const wait = typeof what === 'function' ? what : () => what;
    await (onReady === undefined ? wait() : onReady(wait));
  },
};

/** Makes this program that of a worker. Called once, before FILE is loaded. */
export function becomeWorker(number: number, ready: (what: () => unknown) => Promise<void>): void {
  if (isWorker) throw new InvalidStateError('Cannot become a worker: it is one');
  isWorker = true;
  id = number;
  onReady = ready;
}
