// What systemd is told while `maitre serve` serves: in this process, or with workers.
import { type Address, formatAddress } from '../index.node.ts';
import type { ReadyEvent, ServeListener, Supervisor, Systemd, WorkersEvent } from '../workers/index.ts';
import { note } from './note.ts';

/** Returns a listener that tells systemd, and sends signs of life from `ready` on. */
export function systemdListener(systemd: Systemd): ServeListener {
  return (event) => {
    switch (event.event) {
      case 'ready':
        systemd.ready(`serving ${event.file} on ${listed(event.addresses)}`);
        note(`telling systemd through ${systemd.through}`);
        systemd.watch(() => true); // that the timer runs is the sign: this loop turns
        return;
      case 'stopping':
        return systemd.stopping(event.clients === 0 ? 'stopping' : `stopping: ${event.clients} clients`);
      case 'stopped':
      case 'client':
      case 'request':
      case 'error':
    }
  };
}

/** Tells systemd about workers. Signs of life are sent while one of them serves, or will. */
export class WorkersSystemd {
  readonly #systemd: Systemd;
  #served: { readonly file: string; readonly supervisor: Supervisor } | undefined = undefined;
  /** The last reload left the old workers. Every status says so until the next one. */
  #hasFailed = false;

  constructor(systemd: Systemd) {
    this.#systemd = systemd;
  }

  ready({ file }: ReadyEvent, supervisor: Supervisor): void {
    this.#served = { file, supervisor };
    this.#systemd.ready(this.#status);
    note(`telling systemd through ${this.#systemd.through}`);
    this.#systemd.watch(() => {
      const { ready, starting } = supervisor.statistics();
      return ready + starting > 0;
    });
  }

  readonly onEvent = (event: WorkersEvent): void => {
    if (this.#served === undefined) return;
    if (event.event === 'reload') {
      this.#hasFailed = event.state === 'failed';
      if (event.state === 'began') this.#systemd.reloading(`reloading ${this.#served.file}`);
      else this.#systemd.ready(this.#status);
    } else if (event.event === 'worker' && TOLD.has(event.state)) this.#systemd.status(this.#status);
  };

  stopping(clients: number): void {
    this.#served = undefined;
    this.#systemd.stopping(clients === 0 ? 'stopping' : `stopping: ${clients} clients`);
  }

  get #status(): string {
    if (this.#served === undefined) return '';
    const { file, supervisor } = this.#served;
    const { ready, wanted } = supervisor.statistics();
    const workers = ready === wanted ? String(ready) : `${ready} of ${wanted}`;
    const after = this.#hasFailed ? '; the last reload failed' : '';
    return `${workers} workers serve ${file} on ${listed(supervisor.addresses)}${after}`;
  }
}

/** States that change how many serve. */
const TOLD: ReadonlySet<string> = new Set(['ready', 'gone', 'down']);

function listed(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).join(' and ');
}
