// What `maitre worker` does: serves a queue with the functions of FILE, until a signal ends it: then
// `run` cancels the task that serves.
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { escapeControl } from '../base/index.ts';
import { type BullWorker, worker } from '../distributed.node.ts';
import { endProcess } from '../hosts/node/index.ts';
import { CancelledError, ConnectionLostError, run, sleep } from '../index.node.ts';
import { CommandError, type Values } from './command.ts';
import { endOnHangUp } from './hang-up.ts';
import type { WorkerFileOptions } from './worker-options.ts';

/** Milliseconds that what jobs have started has to end after the shutdown. */
const LAST_WAIT = 500;

/** Serves until a signal has ended it, and resolves with the exit code. */
export async function workerFile(file: string, values: Values<WorkerFileOptions>): Promise<number> {
  const found = statSync(resolve(file), { throwIfNoEntry: false });
  if (found?.isFile() !== true) {
    const why = found === undefined ? 'there is no such file' : 'it is not a file';
    throw new CommandError(`cannot work with ${escapeControl(file)}: ${why}`, 2);
  }
  const name = basename(file).replace(/\.[cm]?[jt]sx?$/, '');
  const { redis, queue, prefix, concurrency, isolation, grace, lock } = values;
  endOnHangUp();
  await run(
    async () => {
      const serving = await worker({
        redis,
        queue,
        prefix,
        modules: { [name]: pathToFileURL(resolve(file)) },
        concurrency,
        isolation,
        lock,
        cancelGrace: values['cancel-grace'],
        closedFunctions: values['closed-functions'],
      }).catch((error: unknown) => {
        throw inOneLine(error, file);
      });
      print(`serving ${name} from queue ${queue}, ${concurrency} at once, as ${isolation}`);
      await untilStopped(serving, grace);
      // run() waits for every task. A job that was left behind was reported, and must not keep the
      // command running.
      setTimeout(() => void endProcess(0), LAST_WAIT);
    },
    { grace: grace + 2000 },
  );
  return 0;
}

/** Waits for the signal, which cancels this task, and then for the jobs. */
async function untilStopped(serving: BullWorker, grace: number): Promise<void> {
  try {
    await sleep(Infinity);
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
  }
  print('stopping');
  const { finished, returned, terminated } = await serving.shutdown({ grace });
  print(`stopped: ${finished} finished, ${returned} given back, ${terminated} terminated`);
}

function print(text: string): void {
  process.stdout.write(`maitre worker: ${escapeControl(text)}\n`);
}

/** What the user is told of a worker that cannot start. */
function inOneLine(error: unknown, file: string): unknown {
  if (!(error instanceof Error)) return error;
  // What maitre says itself is complete; anything else comes from FILE, and its stack says where.
  const isOurs = error instanceof ConnectionLostError || /^Cannot start worker|^Node \d/.test(error.message);
  if (isOurs) return new CommandError(error.message.replace(/\n\s+/g, ': '), 1);
  return new CommandError(`cannot work with ${file}: ${error.message.split('\n')[0]}`, 1, error.stack);
}
