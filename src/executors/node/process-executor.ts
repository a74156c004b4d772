// ProcessExecutor: jobs in processes of their own, by node:child_process.
//
// Memory is not shared with a process. So a cancel reaches synchronous code through a file that
// both have open and nobody else can see. The executor writes the number of the cancelled job into
// it, and checkpoint() reads it: one system call.
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { execArgvOfWorkers } from '../../hosts/node/index.ts';
import {
  type FromWorker,
  isMessage,
  type LeafEvents,
  PoolExecutor,
  type ToWorker,
  unpackError,
  type WorkerLeaf,
} from '../index.ts';
import { checkSendable } from './sendable.ts';

/** The descriptor of that file in the process. */
export const CANCELLED_FD = 4;

/** Milliseconds that the channel may stay open after the exit: a child of the process may hold it. */
const DRAIN_TIMEOUT = 1000;

/**
 * Runs functions in processes: for code that crashes, leaks, or must not share memory. Arguments
 * and results are copied, also those marked with `transfer`. A process takes longer to start than a
 * thread, and a call costs about twice as much. Python: `concurrent.futures.ProcessPoolExecutor`.
 *
 * @example
 * ```ts
 * import { ProcessExecutor } from 'maitre/executors';
 * await using processes = new ProcessExecutor({ size: 1 });
 * console.log(await processes.run((n: number) => n ** 2, 12)); // 144
 * ```
 */
export class ProcessExecutor extends PoolExecutor {
  /** @internal */
  protected override defaultSize(): number {
    return availableParallelism();
  }

  /** @internal */
  protected override startLeaf(events: LeafEvents, maxMemory: number | undefined): WorkerLeaf {
    return new WorkerProcess(events, maxMemory);
  }
}

class WorkerProcess implements WorkerLeaf {
  readonly #child: ChildProcess;
  readonly #cancelled: number;

  constructor(events: LeafEvents, maxMemory: number | undefined) {
    this.#cancelled = openHidden();
    const limits = maxMemory === undefined ? [] : [`--max-old-space-size=${Math.ceil(maxMemory / 2 ** 20)}`];
    this.#child = fork(fileURLToPath(new URL('./process-worker.js', import.meta.url)), {
      serialization: 'advanced',
      execArgv: [...execArgvOfWorkers(process.execArgv), ...limits],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', this.#cancelled],
    });
    let cause: unknown;
    let hasEnded = false;
    const ended = (how: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      closeSync(this.#cancelled);
      events.exited(how, cause);
    };
    this.#child.on('message', (data) => {
      if (!isMessage(data)) return;
      const message = data as FromWorker; // the worker follows the protocol
      if (message.type === 'fatal') cause = unpackError(message.error);
      else events.messages([message]);
    });
    this.#child.on('error', (error) => {
      cause ??= error;
      if (this.#child.pid === undefined) ended(error.message); // the process was not started
    });
    // What it sent last may arrive after its exit: its channel ends behind that.
    this.#child.on('exit', (code, signal) => {
      const end = (): void => ended(howEnded(code, signal, cause));
      if (!this.#child.connected) return end();
      const late = setTimeout(end, DRAIN_TIMEOUT);
      this.#child.once('disconnect', () => {
        clearTimeout(late);
        end();
      });
    });
    this.hold(false);
  }

  post(message: ToWorker): void {
    checkSendable(message);
    if (this.#child.connected) this.#child.send(message); // otherwise its end is on the way
  }

  wake(): void {} // it sleeps in its event loop, which wakes it

  setCancelled(job: number): void {
    writeSync(this.#cancelled, Uint8Array.from([job, job >>> 8, job >>> 16, job >>> 24]), 0, 4, 0);
  }

  offer(): undefined {} // no memory is shared

  takeBack(): boolean {
    return false;
  }

  hold(on: boolean): void {
    const channel = this.#child.channel as { ref?(): void; unref?(): void } | null | undefined; // Bun has neither
    if (on) {
      this.#child.ref();
      channel?.ref?.();
    } else {
      this.#child.unref();
      channel?.unref?.();
    }
  }

  terminate(): void {
    this.#child.kill('SIGKILL');
  }
}

function howEnded(code: number | null, signal: NodeJS.Signals | null, cause: unknown): string {
  if (cause instanceof Error) return cause.message;
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

/** Opens a new file of four bytes and removes its name. */
function openHidden(): number {
  const folder = mkdtempSync(join(tmpdir(), 'maitre-'));
  try {
    const fd = openSync(join(folder, 'cancelled'), 'wx+', 0o600);
    writeSync(fd, new Uint8Array(4));
    return fd;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
