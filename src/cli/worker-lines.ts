// The lines that `maitre serve` prints for people about its workers. `[3]` is the worker that a line
// is about. A reload has two lines, however many workers there are. What goes wrong goes to standard
// error.
import { resolve } from 'node:path';
import { escapeControl, escapeLines } from '../base/index.ts';
import type { ReloadEvent, WorkersListener, WorkerStateEvent } from '../workers/index.ts';
import { print, printServed } from './serve-lines.ts';

/** Why workers are started whose start another line tells of. */
const TOLD: ReadonlySet<string> = new Set(['start', 'reload']);

export interface WorkerLinesOptions {
  /** What is served, as the user typed it. */
  readonly file: string;
  /** Milliseconds that clients of an old worker have. */
  readonly grace: number;
  /** Whether files are watched: then the next save tries again. */
  readonly watches: boolean;
}

/** Prints what happens from the first `ready` of all workers until they end. */
export class WorkerLines {
  readonly #options: WorkerLinesOptions;
  /** Not before all are ready, and after `end`: what happens then is told elsewhere. */
  #serves = false;
  /** Why the next reload is made; empty where nobody said. */
  #why = '';
  /** Workers that replace one that was lost, or is due, and why: nothing else tells of them. */
  readonly #spares = new Map<number, string>();
  /** The last worker that became ready at each place. */
  readonly #latest = new Map<number, number>();
  /** Workers whose drain was worth a line. */
  readonly #draining = new Set<number>();

  constructor(options: WorkerLinesOptions) {
    this.#options = options;
  }

  /** All workers are ready. */
  begin(): void {
    this.#serves = true;
  }

  /** The next reload is made because of this. */
  explain(why: string): void {
    this.#why = why;
  }

  /** The workers end with the command. */
  end(): void {
    this.#serves = false;
  }

  readonly print: WorkersListener = (event) => {
    if (event.event === 'worker' && event.state === 'ready') this.#latest.set(event.place, event.worker);
    switch (event.event) {
      case 'client':
      case 'request':
      case 'error':
        return printServed(event, `[${event.worker}] `);
      case 'worker':
        return this.#serves ? this.#onWorker(event) : undefined;
      case 'reload':
        return this.#serves ? this.#onReload(event) : undefined;
      case 'warning':
        return complain(`maitre: ${event.message}`);
      case 'ready':
      case 'stopping':
      case 'stopped':
    }
  };

  #onWorker(event: WorkerStateEvent): void {
    const { worker, state, reason = '', detail, clients = 0 } = event;
    switch (state) {
      case 'starting':
        if (!TOLD.has(reason)) this.#spares.set(worker, reason);
        return;
      case 'ready': {
        const why = this.#spares.get(worker);
        if (!this.#spares.delete(worker)) return;
        return print(`[${worker}] serves at place ${event.place}${why === 'scale' ? '' : `: ${why}`}`);
      }
      case 'draining':
        // One that was replaced and has no clients is gone at once.
        if (clients === 0 && this.#latest.get(event.place) !== worker) return;
        this.#draining.add(worker);
        return print(`[${worker}] ends${clients === 0 ? '' : `: ${this.#gets(clients)}`}`);
      case 'failed':
        return this.#spares.delete(worker)
          ? complain(`[${worker}] cannot start: ${this.#readable(reason)}`, detail)
          : undefined;
      case 'hung':
        return complain(`[${worker}] hangs: ${reason}`);
      case 'down':
        return complain(`place ${event.place} stays empty: ${reason}`);
      case 'gone':
        return this.#onGone(event);
    }
  }

  #onGone({ worker, outcome, reason = 'it ended', detail, clients = 0 }: WorkerStateEvent): void {
    const wasTold = this.#draining.delete(worker);
    const lost = clients === 0 ? '' : `; ${clients === 1 ? '1 client' : `${clients} clients`} ended with it`;
    switch (outcome) {
      case 'drained':
        return wasTold ? print(`[${worker}] has ended`) : undefined;
      case 'failed':
      case undefined:
        return;
      case 'crashed':
        return complain(`[${worker}] crashed: ${reason.replace(/^it ended by itself: /, '')}${lost}`, detail);
      case 'hung':
        return complain(`[${worker}] was killed${lost}`);
      case 'killed':
        // One that was not wanted any more has no clients, and was not told of.
        return wasTold || clients > 0 ? complain(`[${worker}] was killed: ${reason}${lost}`) : undefined;
      case 'stuck':
        return complain(`[${worker}] ${reason}${lost}`);
    }
  }

  #readable(reason: string): string {
    return readable(reason, this.#options.file);
  }

  #gets(clients: number): string {
    return `${clients === 1 ? '1 client gets' : `${clients} clients get`} up to ${this.#options.grace / 1000} s to finish`;
  }

  #onReload({ state, reason = '', detail, replaced = 0 }: ReloadEvent): void {
    switch (state) {
      case 'began':
        print(this.#why === '' ? 'reloading' : `reloading: ${this.#why}`);
        this.#why = '';
        return;
      case 'done':
        return print(`reloaded: ${replaced === 1 ? 'a new worker serves' : `${replaced} new workers serve`}`);
      case 'failed': {
        const next = this.#options.watches ? '; the next save tries again' : '';
        return complain(`reload failed: ${this.#readable(reason)}`, detail, `the workers before it go on${next}`);
      }
      case 'skipped':
        return;
    }
  }
}

/** What workers say names the file as the user did, and not the place of one that failed like any other. */
export function readable(text: string, file: string): string {
  return text.replace(/^the new worker at place \d+ failed: (?=cannot )/, '').replaceAll(resolve(file), file);
}

/** Prints to standard error: a line, the lines of an error, and what comes of it. */
export function complain(line: string, detail?: string, then?: string): void {
  const lines = [escapeControl(line)];
  if (detail !== undefined) lines.push(escapeLines(detail));
  if (then !== undefined) lines.push(escapeControl(then));
  process.stderr.write(`${lines.join('\n')}\n`);
}
