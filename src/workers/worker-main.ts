// What runs in a worker, in a thread or in a process: it loads FILE, serves it or lets it serve, says
// when it is ready, and ends when it is told to.
//
// States: NEW -(start)-> LOADING -(its first server listens, `ready` has passed)-> READY -(drain)->
// DRAINING -> exit. A step that fails sends `failed` and exits.
//
// A program without a default export may never finish loading: `await run(main)`. It is ready when its
// first server listens, and it is loaded or has had LOADS_WITHIN ms to go on. If it called
// `worker.ready()`, it is ready when that has passed, and a server listens. Once it is loaded without a
// server, it may be one that has none.
import { inspect } from 'node:util';
import { resolve } from 'node:path';
import { setInterval, setTimeout } from 'node:timers';
import { reportException, Resource } from '../core/index.ts';
import { endSupervised, supervisedListeners } from '../hosts/node/index.ts';
import { listenBy, Server, type ShutdownReport } from '../net/index.ts';
import { importFromBundle } from './bundle.ts';
import { connectChannel, onSupervisor, receiveFromSupervisor } from './channel.ts';
import { DUMP_CHANNEL, dumpHere } from './dump.ts';
import { becomeWorker } from './in-worker.ts';
import { tellNames } from './named-here.ts';
import { type DrainOrder, type FromWorker, PULSE_EVERY, type ToWorker, type WorkerStart } from './protocol.ts';
import { RemoteListen } from './remote-listen.ts';
import { detailOf, loadProgram } from './serve/load-handler.ts';
import type { ServeEvent } from './serve/serve-events.ts';
import { ServeError } from './serve/serve-error.ts';
import { startHere } from './serve/serve-here.ts';

/** Milliseconds that a program has to finish loading once it listens. */
const LOADS_WITHIN = 250;
/** Milliseconds that a program has to end after its clients. */
const LAST_WAIT = 500;
/** Milliseconds between two looks whether it has ended. */
const LOOK_EVERY = 10;

/** What a worker needs of the place where it runs. */
export interface WorkerPlace {
  /** Whether clients of Unix sockets can come. */
  readonly takesUnix: boolean;
  /** Sends a message. `done` is called when it has left this worker. */
  send(message: FromWorker, done?: () => void): void;
  /** Bytes that the worker takes. */
  memory(): number;
  exit(code: number): void;
}

export class WorkerMain {
  readonly #place: WorkerPlace;
  readonly #remote: RemoteListen;
  #start: WorkerStart | undefined = undefined;
  #state: 'new' | 'loading' | 'ready' | 'draining' = 'new';
  /** Whether FILE has finished loading. */
  #isLoaded = false;
  /** A server listens, and the program had the time to say what it waits for. */
  #hasListened = false;
  /** What has to pass before it is ready: the default export is served, FILE's `ready`, worker.ready(). */
  #pending = 0;
  /** Whether one of them has passed. */
  #hasSaid = false;

  constructor(place: WorkerPlace) {
    this.#place = place;
    this.#remote = new RemoteListen(place, () => void this.#listens());
  }

  /** What the supervisor has sent. */
  receive(message: ToWorker, from: object | undefined): void {
    switch (message.type) {
      case 'start':
        return void this.#run(message.start);
      case 'listening':
        return this.#remote.listening(message.key, message.addresses);
      case 'refused':
        return this.#remote.refused(message.key, message.code, message.message);
      case 'client':
        return this.#remote.client(message, from);
      case 'probe':
        return this.#place.send({ type: 'probed', last: message.last });
      case 'message':
        return receiveFromSupervisor(message.name, message.body);
      case 'drain':
        return void this.#drain(message.order);
    }
  }

  /** An error that nobody catches ends the worker. */
  failed(error: unknown): void {
    this.#place.send({ type: 'fatal', message: error instanceof Error ? error.message : inspect(error) });
  }

  async #run(start: WorkerStart): Promise<void> {
    this.#start = start;
    this.#state = 'loading';
    const { id, file, seat, bundle } = start;
    if (bundle !== undefined) importFromBundle(bundle);
    process.argv[1] = resolve(file); // what the program and viewers see is FILE
    becomeWorker(id, (what) => this.#sayReady(what));
    connectChannel((name, body) => this.#place.send({ type: 'message', name, body }));
    onSupervisor(DUMP_CHANNEL, () => dumpHere(id));
    listenBy(this.#remote.listen);
    process.on('exit', () => this.#place.send({ type: 'ends' })); // before what the program does then
    setInterval(() => this.#pulse(), PULSE_EVERY).unref();
    this.#pulse();
    if (seat !== undefined) await beSeen(seat); // before FILE, which may hang
    try {
      const { handler, ready } = await loadProgram(file);
      this.#isLoaded = true;
      if (handler !== undefined) await this.#after(() => this.#serve(handler, start));
      if (ready !== undefined) await this.#sayReady(ready);
      else this.#look();
    } catch (error) {
      this.#fail('load', error);
    }
  }

  async #serve(handler: Parameters<typeof startHere>[0], { server, file }: WorkerStart): Promise<void> {
    const { tls, ...rest } = server;
    const settings = { server: rest, tls: tls as never }; // checked by startServer
    const { addresses } = await startHere(handler, settings, (event) => this.#emit(event));
    const http = typeof handler === 'function' ? {} : { http: true as const };
    this.#emit({ event: 'ready', pid: process.pid, file, addresses, tls: tls !== undefined, ...http });
  }

  #emit(event: ServeEvent): void {
    if (this.#start?.quiet === true && (event.event === 'client' || event.event === 'request')) return;
    this.#place.send({ type: 'event', event });
  }

  /** A server of the program listens. */
  async #listens(): Promise<void> {
    const until = performance.now() + LOADS_WITHIN;
    while (!this.#isLoaded && !this.#hasSaid && performance.now() < until) await nap();
    this.#hasListened = true;
    this.#look();
  }

  async #sayReady(what: () => unknown): Promise<void> {
    try {
      await this.#after(what);
    } catch (error) {
      this.#fail('ready', error);
      throw error;
    }
    this.#look();
  }

  /** It is not ready before this has passed. */
  async #after(what: () => unknown): Promise<void> {
    this.#pending++;
    await what();
    this.#pending--;
    this.#hasSaid = true;
  }

  /** Looks whether it is ready. */
  #look(): void {
    if (this.#state !== 'loading' || this.#pending > 0) return;
    if (!this.#hasListened && !(this.#hasSaid && this.#isLoaded)) return;
    this.#state = 'ready';
    this.#place.send({ type: 'ready' });
    tellNames();
  }

  #fail(step: 'load' | 'ready', error: unknown): void {
    if (this.#state !== 'loading') return;
    this.#state = 'draining';
    const failure =
      error instanceof ServeError
        ? { step: error.step, message: error.message, detail: error.detail }
        : { step, message: messageOf(step, error), detail: detailOf(error) };
    this.#place.send({ type: 'failed', failure }, () => this.#place.exit(1));
  }

  #pulse(): void {
    this.#place.send({
      type: 'pulse',
      pulse: { memory: this.#place.memory(), connections: this.#remote.clients },
    });
  }

  /** Told again, it only makes the grace shorter. */
  async #drain({ grace, reason }: DrainOrder): Promise<void> {
    if (this.#state === 'draining') {
      if (grace > 0) await new Promise((end) => void setTimeout(end, Math.min(grace, 2 ** 31 - 1)));
      for (const server of liveServers()) void server.shutdown({ grace: 0, reason });
      return;
    }
    this.#state = 'draining';
    while (!this.#remote.isSettled) await nap(); // those that were sent before the order are served
    this.#emit({ event: 'stopping', clients: this.#remote.clients, grace });
    const reports = await Promise.all(liveServers().map((server) => server.shutdown({ grace, reason })));
    const report = sum(reports);
    this.#emit({ event: 'stopped', report });
    this.#place.send({ type: 'drained', report }, () => void this.#leave());
  }

  /** Ends the program as a signal would, and then the worker. */
  async #leave(): Promise<void> {
    const until = performance.now() + LAST_WAIT;
    if (endSupervised() > 0) while (supervisedListeners() > 0 && performance.now() < until) await nap();
    this.#place.exit(0);
  }
}

/** Lets the inspector of the supervisor look into the worker. */
async function beSeen(seat: object): Promise<void> {
  try {
    const { enterRoom } = await import('../inspect/index.ts');
    await enterRoom(seat);
  } catch (error) {
    reportException({ message: 'The inspector cannot see this worker', error });
  }
}

function messageOf(step: 'load' | 'ready', error: unknown): string {
  const message = error instanceof Error ? error.message : inspect(error);
  return step === 'ready' ? `its ready() failed: ${message}` : message;
}

function liveServers(): Server[] {
  return [...Resource.live].filter((resource) => resource instanceof Server);
}

function sum(reports: readonly ShutdownReport[]): ShutdownReport {
  let [finished, cancelled, aborted] = [0, 0, 0];
  for (const report of reports) {
    finished += report.finished;
    cancelled += report.cancelled;
    aborted += report.aborted;
  }
  return { finished, cancelled, aborted };
}

function nap(): Promise<void> {
  return new Promise((wake) => void setTimeout(wake, LOOK_EVERY));
}
