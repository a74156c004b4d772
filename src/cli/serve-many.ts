// `maitre serve` with workers: starts them, prints what they say, and obeys signals and saves. The
// supervisor in this process does the work, and never loads FILE itself.
//
// Signals: HUP reloads, TTIN and TTOU start and end a worker, USR2 prints what all of them wait for. INT
// and TERM end all: run() cancels the task that serves, and a second one ends the process, with which
// the workers end.
import { CancelledError, createTask, Future } from '../index.node.ts';
import {
  type ReadyEvent,
  ServeError,
  serveWorkers,
  type StoppedEvent,
  type StoppingEvent,
  type Supervisor,
  type WorkersListener,
  type WorkersOptions,
} from '../workers/index.ts';
import { reloadOnHangUp } from './hang-up.ts';
import { note } from './note.ts';
import type { ProgramWatch } from './program-watch.ts';
import { complain, readable } from './worker-lines.ts';

/** Where events go: to a printer, and to systemd. */
export interface WorkersAudience {
  /** What the workers do and serve. */
  readonly onEvent: WorkersListener;
  /** What the supervisor does as a whole. */
  readonly onOwn: (event: ReadyEvent | StoppingEvent | StoppedEvent, supervisor: Supervisor) => void;
  /** Why the next reload is made. */
  readonly onReason: (why: string) => void;
}

export interface ServeManyOptions {
  /** As the user typed it. */
  readonly file: string;
  /** For the workers. Without `onEvent`. */
  readonly workers: WorkersOptions;
  /** Milliseconds that clients have to finish at the end. */
  readonly grace: number;
  /** Set with `--reload`. */
  readonly watch: ProgramWatch | undefined;
  /** What `ready` says besides. */
  readonly more: Pick<ReadyEvent, 'tls' | 'inspector'>;
}

/**
 * Serves until its task is cancelled, then shuts the workers down within the grace, and resolves.
 * @throws ServeError when the first workers cannot be started. With `watch`, the next save tries again,
 * unless they cannot listen
 */
export async function serveMany(options: ServeManyOptions, audience: WorkersAudience): Promise<void> {
  const { file, grace, watch, more } = options;
  const orders = new Orders(audience, file);
  orders.listen(); // before anybody could send a signal whose default effect is to stop or end
  await watch?.ready();
  let isHttp = false;
  const supervisor = await start(options, (event) => {
    if (event.event === 'ready') isHttp ||= event.http === true;
    else audience.onEvent(event);
  });
  const { addresses, size } = supervisor;
  const http = isHttp ? { http: true as const } : {};
  orders.supervisor = supervisor;
  audience.onOwn({ event: 'ready', pid: process.pid, file, addresses, workers: size, ...http, ...more }, supervisor);
  const saves = watch === undefined ? undefined : createTask(() => orders.obeySaves(watch), { name: 'reload' });
  try {
    await (saves ?? new Future<never>()); // until a signal cancels this task, and with it that of saves
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    const clients = supervisor.statistics().connections;
    audience.onOwn({ event: 'stopping', clients, grace }, supervisor);
    const { finished, cancelled, aborted } = await supervisor.shutdown({ grace });
    audience.onOwn({ event: 'stopped', report: { finished, cancelled, aborted } }, supervisor);
  }
}

/** Starts the workers, with `watch` as often as it takes. */
async function start({ file, workers, watch }: ServeManyOptions, onEvent: WorkersListener): Promise<Supervisor> {
  for (;;) {
    try {
      return await serveWorkers(file, { ...workers, onEvent });
    } catch (error) {
      if (watch === undefined || !(error instanceof ServeError) || error.step === 'listen') throw error;
      complain(`maitre: ${readable(error.message, file)}`, error.detail, 'the next save tries again');
      await watch.next();
    }
  }
}

/** What a running command is told by signals and saves. */
class Orders {
  /** Undefined before all workers are ready: nothing is obeyed until then. */
  supervisor: Supervisor | undefined = undefined;
  readonly #audience: WorkersAudience;
  readonly #file: string;
  /** Takes back the reload for the last save. */
  #save: AbortController | undefined = undefined;

  constructor(audience: WorkersAudience, file: string) {
    this.#audience = audience;
    this.#file = file;
  }

  listen(): void {
    reloadOnHangUp(() => void this.#reload('SIGHUP'));
    if (process.platform === 'win32') return; // it has none of them
    process.on('SIGTTIN', () => void this.#scale(1));
    process.on('SIGTTOU', () => void this.#scale(-1));
    process.on('SIGUSR2', () => this.#dump());
  }

  async obeySaves(watch: ProgramWatch): Promise<never> {
    for (;;) {
      const saved = await this.#nextSave(watch);
      // A worker that loads what was there before may hang in it.
      this.#save?.abort();
      this.#save = new AbortController();
      const [first = ''] = saved;
      void this.#reload(
        saved.length === 1 ? `${first} was saved` : `${saved.length} files were saved`,
        this.#save.signal,
      );
    }
  }

  /** Without files to watch, it goes on serving. */
  async #nextSave(watch: ProgramWatch): Promise<string[]> {
    try {
      return await watch.next();
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      complain(`maitre: saves are not seen any more: ${(error as Error).message}`); // the watch fails with Errors
      return new Future<never>();
    }
  }

  /** Its events tell how it ends. */
  async #reload(why: string, signal?: AbortSignal): Promise<void> {
    const { supervisor } = this;
    if (supervisor === undefined) return; // it loads what is there now
    this.#audience.onReason(why);
    try {
      await supervisor.reload({ signal });
    } catch (error) {
      this.#unlessEnding(error);
    }
  }

  async #scale(by: number): Promise<void> {
    const { supervisor } = this;
    if (supervisor === undefined) return;
    const count = Math.max(1, supervisor.size + by);
    try {
      if (count === supervisor.size) note('one worker serves, and stays');
      else await supervisor.scale(count);
    } catch (error) {
      if (error instanceof ServeError) complain(readable(error.message, this.#file), error.detail);
      else this.#unlessEnding(error);
    }
  }

  #dump(): void {
    if (this.supervisor === undefined) return;
    note(String(this.supervisor));
    this.supervisor.dump();
  }

  #unlessEnding(error: unknown): void {
    if (!(error instanceof CancelledError) && this.supervisor?.closed !== true) throw error;
  }
}
