// splice: two connections joined into one, as proxies do.
import { CancelledError, TaskGroup, TaskGroupError, waiting, type WaitOptions } from '../core/index.ts';
import type { Duplex } from './duplex.ts';
import { pipe } from './pipe.ts';

/** What passed through a splice, bytes. */
export interface Spliced {
  /** From the first connection to the second. */
  readonly forth: number;
  /** From the second connection to the first. */
  readonly back: number;
}

/**
 * Passes bytes between two connections, in both directions at once, until both directions have ended; each end is passed on, by
 * `writeEof`, or by `close` where a connection cannot be half closed (TLS). Both connections are left to the caller then. When one
 * direction fails, both connections are aborted: neither peer shall take what it got for all there was. Cancelled, it leaves
 * both as they are, and every byte that was read is written.
 * @returns how many bytes went which way
 * @throws the first direction's error: ConnectionLostError, as `pipe`; CancelledError
 *
 * @example
 * ```ts
 * import { openConnection, splice, startServer } from 'maitre';
 * await using server = await startServer(
 *   async (_reader, _writer, client) => {
 *     await using upstream = await openConnection({ host: '127.0.0.1', port: 8002 });
 *     await splice(client, upstream);
 *   },
 *   { host: '127.0.0.1', port: 0 },
 * );
 * console.log(`${server}`); // a proxy
 * ```
 */
export function splice(a: Duplex, b: Duplex, options: WaitOptions = {}): Promise<Spliced> {
  return waiting(joinBoth(a, b, options));
}

async function joinBoth(a: Duplex, b: Duplex, options: WaitOptions): Promise<Spliced> {
  let forth = 0;
  let back = 0;
  try {
    await TaskGroup.run(
      (group) => {
        group.createTask(async () => void (forth = await pipe(a.reader, b.writer)), { name: 'splice, forth' });
        group.createTask(async () => void (back = await pipe(b.reader, a.writer)), { name: 'splice, back' });
      },
      { name: 'splice', signal: options.signal }, // a child that is cancelled alone is no error of its group
    );
    return { forth, back };
  } catch (error) {
    const reason: unknown = error instanceof TaskGroupError ? error.errors[0] : error;
    if (!(reason instanceof CancelledError)) for (const end of [a, b]) end.abort();
    throw reason;
  }
}
