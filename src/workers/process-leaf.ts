// A worker in a process of its own. It is the first of its process group, so that a Ctrl-C in the
// terminal does not reach it, and what it has started ends with it.
//
// A client goes over the channel as a handle. This side keeps its own descriptor of it until the
// worker says that it took the client: if the worker dies before, another one serves it. Node sends
// one handle at a time, and what is sent after it waits, so the order holds.
//
// Rejected: node:cluster, which does the same. It knows no least loaded worker, no Unix sockets in its
// round robin on all systems, and its limits would be per worker.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { execArgvOfWorkers } from '../hosts/node/index.ts';
import type { PassedHandle } from '../net/index.ts';
import { programInBundle } from './bundle.ts';
import { Leaf, type Sent } from './leaf.ts';
import { openEnvelope, pack, unpack } from './packed.ts';
import { passLines } from './pass-lines.ts';
import type { FromWorker, ToWorker, WorkerStart } from './protocol.ts';
import type { LeafEvents, LeafMaker } from './worker-leaf.ts';

/** Milliseconds that the channel may stay open after the exit: a child of the process may hold it. */
const DRAIN_TIMEOUT = 1000;

/** Makes workers that are processes. */
export function processLeaves(start: Omit<WorkerStart, 'id'>): LeafMaker {
  return { kind: 'processes', make: (id, events, place) => new ProcessLeaf({ ...start, id }, events, place) };
}

class ProcessLeaf extends Leaf {
  readonly #child: ChildProcess;

  constructor(start: WorkerStart, events: LeafEvents, place: number) {
    super(events, { worker: start.id, place, kind: 'process' });
    const program = programInBundle('process-main.js') ?? new URL('./process-main.js', import.meta.url);
    this.#child = fork(fileURLToPath(program), [], {
      serialization: 'json',
      // The inspector of the supervisor shows the worker: it needs none that commands find.
      env: { ...process.env, MAITRE_INSPECT: '0', MAITRE_SUPERVISOR: String(process.pid) },
      detached: true,
      execArgv: execArgvOfWorkers(process.execArgv),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const child = this.#child;
    passLines(child.stdout, process.stdout);
    passLines(child.stderr, process.stderr);
    let hasEnded = false;
    const ended = (how: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      this.#killGroup();
      this.ended(how);
    };
    child.on('message', (sent) => {
      const message = openEnvelope(sent);
      if (message !== undefined) this.receive(unpack(message) as FromWorker); // the worker follows the protocol
    });
    child.on('error', (error) => {
      if (child.pid === undefined) ended(error.message); // it was not started
    });
    // What it sent last may arrive after its exit: its channel ends behind that.
    child.on('exit', (code, signal) => {
      const end = (): void => ended(signal === null ? `exit code ${code}` : `signal ${signal}`);
      if (!child.connected) return end();
      const late = setTimeout(end, DRAIN_TIMEOUT);
      child.once('disconnect', () => {
        clearTimeout(late);
        end();
      });
    });
    this.begin(start);
  }

  get place(): string {
    return String(this.#child.pid);
  }

  protected write(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(pack(message), () => undefined); // its end tells of failures
  }

  protected writeClient(message: ToWorker, handle: PassedHandle): Sent | undefined {
    if (!this.#child.connected) return undefined;
    this.#child.send(message, handle.handle as never, () => undefined); // Node sends such handles, as those of net.Sockets
    return { taken: () => handle.close(), takeBack: () => handle };
  }

  protected end(): void {
    this.#child.kill('SIGKILL');
  }

  /** Ends what the worker has started and left behind. */
  #killGroup(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // nothing is left of it
    }
  }
}
