// splice: joins two connections, as proxies do.
import { CancelledError, TaskGroup, TaskGroupError, waiting, type WaitOptions } from '../core/index.ts';
import type { Duplex } from './duplex.ts';
import { pipe } from './pipe.ts';

/** The bytes that passed through a splice. */
export interface Spliced {
  /** Bytes from the first connection to the second. */
  readonly forth: number;
  /** Bytes from the second connection to the first. */
  readonly back: number;
}

/**
 * Passes bytes between two connections, in both directions at once, until both directions have
 * ended. Passes each end on: by `writeEof`, or by `close` if a connection cannot be half-closed
 * (TLS). Then leaves both connections to the caller.
 *
 * If one direction fails, it aborts both connections: neither peer may take what it received for
 * everything. Cancellable; a cancel leaves both as they are, and every byte that was read is
 * written.
 * @returns the number of bytes in each direction
 * @throws the error of the direction that failed first: ConnectionLostError, or what `pipe` throws
 * @throws CancelledError
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
      { name: 'splice', signal: options.signal }, // a child that is cancelled alone is not an error of its group
    );
    return { forth, back };
  } catch (error) {
    const reason: unknown = error instanceof TaskGroupError ? error.errors[0] : error;
    if (!(reason instanceof CancelledError)) for (const end of [a, b]) end.abort();
    throw reason;
  }
}
