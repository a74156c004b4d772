// A worker in a thread of the supervisor's process.
//
// A client goes to the thread with its socket, which is gone here from then on. So a client that the
// thread did not take before it died has ended with it. Unix sockets cannot be moved at all.
import { inspect } from 'node:util';
import { type MessagePort, Worker } from 'node:worker_threads';
import { escapeLines } from '../base/index.ts';
import type { PassedHandle } from '../net/index.ts';
import { programInBundle } from './bundle.ts';
import { Leaf, type Sent } from './leaf.ts';
import { openEnvelope } from './packed.ts';
import { passLines } from './pass-lines.ts';
import type { FromWorker, ToWorker, WorkerStart } from './protocol.ts';
import type { LeafEvents, LeafMaker } from './worker-leaf.ts';

/** Its socket is in the thread, or lost with it. */
const MOVED: Sent = { taken: () => undefined, takeBack: () => undefined };

/** Makes workers that are threads. */
export function threadLeaves(start: Omit<WorkerStart, 'id'>): LeafMaker {
  return { kind: 'threads', make: (id, events, place) => new ThreadLeaf({ ...start, id }, events, place) };
}

class ThreadLeaf extends Leaf {
  readonly place: string;
  readonly #worker: Worker;
  #isGone = false;

  constructor(start: WorkerStart, events: LeafEvents, place: number) {
    super(events, { worker: start.id, place, kind: 'thread' });
    const worker = new Worker(programInBundle('thread-main.js') ?? new URL('./thread-main.js', import.meta.url), {
      name: `maitre worker ${start.id}`,
      stdout: true,
      stderr: true,
    });
    this.#worker = worker;
    this.place = `${process.pid}:${worker.threadId}`; // once it is gone, its number is -1
    passLines(worker.stdout, process.stdout);
    passLines(worker.stderr, process.stderr);
    worker.on('message', (sent) => {
      const message = openEnvelope(sent);
      if (message !== undefined) this.receive(message as FromWorker); // the worker follows the protocol
    });
    worker.on('error', (error: unknown) => {
      // A process would have printed it by itself.
      process.stderr.write(
        `${escapeLines(error instanceof Error ? (error.stack ?? error.message) : inspect(error))}\n`,
      );
      this.receive({ type: 'fatal', message: error instanceof Error ? error.message : inspect(error) });
    });
    worker.on('exit', (code) => {
      this.#isGone = true;
      this.ended(`exit code ${code}`);
    });
    this.begin(start);
  }

  protected write(message: ToWorker, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  protected writeClient(message: ToWorker, handle: PassedHandle): Sent | undefined {
    if (this.#isGone) return undefined;
    const socket = handle.toSocket();
    socket.on('error', () => undefined); // whatever is left of it here
    this.#worker.postMessage({ ...message, socket }, [socket]);
    return MOVED;
  }

  protected end(): void {
    void this.#worker.terminate();
  }
}
