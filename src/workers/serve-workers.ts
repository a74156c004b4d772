import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidStateError, waiting } from '../core/index.ts';
import { wrongValue } from '../base/index.ts';
import type { CrewSettings } from './crew.ts';
import { makeHands } from './hands.ts';
import { isWorker } from './in-worker.ts';
import { checkFile } from './serve/load-handler.ts';
import { Supervisor } from './supervisor.ts';
import { type CrewOptions, splitOptions, type WorkersOptions } from './workers-options.ts';

/**
 * Serves a file with several workers: threads or processes that each load it. The caller's process is
 * their supervisor. It has the listening sockets for as long as it lives, and hands each client to the
 * worker that has the fewest. So a worker can crash, or be replaced by `reload`, and no client is
 * refused.
 *
 * A worker serves the default export of the file as `maitre serve` does: a handler of connections, or
 * an app with `fetch`. A file without one starts its servers by itself, with `startServer` or
 * `serveHttp`. A worker is ready when the file is loaded, it listens, and the `ready` that the file
 * may export has resolved.
 *
 * Resolves when all workers are ready. Cancellable: then nothing is left.
 * @param file its path, or a file: URL
 * @param options its own, and those of `startServer` for the default export; durations are
 * milliseconds, sizes bytes
 * @returns the supervisor
 * @throws ServeError when a worker of the first ones does not become ready; TypeError or RangeError
 * for wrong options, and for functions among them, which cannot be sent to workers; InvalidStateError
 * in a worker, and where the runtime has none; CancelledError
 *
 * @example
 * ```ts no-run
 * import { run } from 'maitre';
 * import { serveWorkers } from 'maitre/workers';
 * await run(async () => {
 *   await using supervisor = await serveWorkers(new URL('app.js', import.meta.url), { port: 8002 });
 *   process.on('SIGHUP', () => void supervisor.reload());
 *   await supervisor.serveForever();
 * });
 * ```
 */
export function serveWorkers(file: string | URL, options: WorkersOptions = {}): Promise<Supervisor> {
  return waiting(start(file, options));
}

async function start(file: string | URL, options: WorkersOptions): Promise<Supervisor> {
  if (isWorker) {
    throw new InvalidStateError(
      'Cannot serve with workers: this program is a worker itself\n' +
        '    serveWorkers(file)                   // each worker would start workers\n' +
        '    if (!isWorker) serveWorkers(file)    // what you want',
    );
  }
  const path = pathOf(file);
  const { crew, server } = splitOptions(options);
  const { name, onEvent, isolate } = crew;
  checkFile(path);
  const hands = await makeHands({ isolate, file: path, server, quiet: onEvent === undefined });
  const supervisor = Supervisor.make({ ...hands, settings: settingsOf(crew), file: String(file), name, onEvent });
  await supervisor.start(countOf(crew.workers));
  return supervisor;
}

/** The settings of a crew, with their defaults. */
export function settingsOf(options: CrewOptions): CrewSettings {
  const { grace = 10_000, readyTimeout = 30_000, killTimeout = 10_000 } = options;
  const { maxLifetime = Infinity, maxMemory = Infinity, restarts = {} } = options;
  return { grace, readyTimeout, killTimeout, maxLifetime, maxMemory, restarts };
}

function countOf(workers: number | 'auto' = 'auto'): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

function pathOf(file: string | URL): string {
  if (typeof file === 'string') return resolve(file);
  if (file instanceof URL && file.protocol === 'file:') return fileURLToPath(file);
  throw wrongValue('serve with workers', 'the file', 'a path or a file: URL', file);
}
