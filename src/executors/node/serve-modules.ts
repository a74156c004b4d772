// The worker's side of a ThreadExecutor: what a file calls that a thread starts from.
import { MessageChannel, type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { Future, InvalidStateError } from '../../core/index.ts';
import { importModule } from '../../hosts/node/index.ts';
import {
  cancelledJob,
  countSent,
  finderOf,
  JobServer,
  newSharedWords,
  type ServedModules,
  type SharedWords,
  takeOffer,
  type ToWorker,
  waitForSent,
  type WorkerPort,
} from '../index.ts';

/** Milliseconds for which an idle thread waits for the next job before it goes back to its event loop. */
const LINGER = 4;
/** Milliseconds after which it goes back in any case. */
const SLICE = 5;
/** Whether messages can be received outside of the event loop. On Bun and Deno they cannot. */
const RECEIVES_AT_ONCE = !('bun' in process.versions || 'deno' in process.versions);

let serves = false;

/**
 * Makes this worker serve the jobs of the executor that started it. Call it once, in the file from
 * which the worker starts. The functions of `modules` are called by the name of their module:
 * `executor.module('heavy')`. Modules that are passed by URL are imported, so they need no name.
 * @param modules the modules to serve, by name
 * @throws InvalidStateError outside of workers, and when called twice
 *
 * @example
 * ```ts
 * // heavy.worker.ts
 * import { serveModules } from 'maitre/executors';
 * const heavy = { square: (n: number) => n ** 2 }; // or the namespace of a module
 * serveModules({ heavy });
 * ```
 */
export function serveModules(modules: ServedModules = {}): void {
  if (parentPort === null)
    throw new InvalidStateError('Cannot serve modules: this is no worker, call it in the file that the worker runs');
  if (serves)
    throw new InvalidStateError('Cannot serve modules: this worker serves already, pass all modules in one call');
  serves = true;
  const shared = newSharedWords();
  const { port1, port2 } = new MessageChannel();
  const port = RECEIVES_AT_ONCE ? port1 : parentPort;
  const receiver = new Receiver(port, shared, finderOf(modules, importModule));
  port.on('message', (message: ToWorker) => receiver.receive(message));
  if (RECEIVES_AT_ONCE) parentPort.postMessage({ type: 'ready', shared, port: port2 }, [port2]);
  else parentPort.postMessage({ type: 'ready', shared }, []);
}

/**
 * Takes the messages of the executor. After a job it does not go to sleep in the event loop at once:
 * it takes the messages that are there, and waits for LINGER milliseconds for another, because to
 * wake a thread that blocks costs much less than to wake an event loop. That blocks the loop of this
 * thread while it has no job; it is let go for a turn after SLICE milliseconds and after a wait, and
 * while there is output of jobs to send.
 */
class Receiver {
  readonly #port: MessagePort;
  readonly #shared: SharedWords;
  readonly #server: JobServer;
  /** Resolves when there may be a message. */
  #mayReceive = new Future<void>();

  constructor(port: MessagePort, shared: SharedWords, load: WorkerPort['load']) {
    this.#port = port;
    this.#shared = shared;
    this.#server = new JobServer({
      cancelledJob: () => cancelledJob(shared),
      take: (key) => takeOffer(shared, key),
      post: (message, transfers) => port.postMessage(message, transfers as never[]), // as in thread-executor.ts
      load,
      ended: () => this.#mayReceive.answer(),
    });
    if (RECEIVES_AT_ONCE) void this.#receiveMore();
  }

  receive(message: ToWorker): void {
    this.#server.receive(message);
    this.#mayReceive.answer();
  }

  async #receiveMore(): Promise<void> {
    for (;;) {
      await this.#mayReceive;
      this.#mayReceive = new Future();
      for (const end = performance.now() + SLICE; !this.#isNeeded && performance.now() < end;) {
        const message = this.#next();
        if (message === undefined) break;
        this.#server.receive(message);
        await Promise.resolve(); // what the job has left goes on first
      }
      if (!this.#server.isBusy) await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }

  /** Whether a job runs, or the event loop has to send what jobs have printed: it may be lost once the program ends. */
  get #isNeeded(): boolean {
    return this.#server.isBusy || process.stdout.writableLength > 0 || process.stderr.writableLength > 0;
  }

  #next(): ToWorker | undefined {
    const sent = countSent(this.#shared);
    const there = receiveMessageOnPort(this.#port);
    if (there !== undefined) return there.message as ToWorker; // the executor follows the protocol
    waitForSent(this.#shared, sent, LINGER);
    return receiveMessageOnPort(this.#port)?.message as ToWorker | undefined;
  }
}
