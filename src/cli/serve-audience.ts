// Who sees what happens while `maitre serve` serves: the terminal or the log, and systemd.
import type { ServeListener, Systemd } from '../workers/index.ts';
import { linePrinter } from './serve-lines.ts';
import type { WorkersAudience } from './serve-many.ts';
import { WorkersSystemd } from './serve-systemd.ts';
import type { TlsFiles } from './tls-files.ts';
import { WorkerLines, type WorkerLinesOptions } from './worker-lines.ts';

interface Printing {
  readonly log: string;
  readonly quiet: boolean;
  readonly tls: TlsFiles | undefined;
}

/** Prints the events of this process. */
export async function printerOf({ log, quiet, tls }: Printing): Promise<ServeListener> {
  const print = log === 'json' ? (await import('./serve-json.ts')).printJson : linePrinter(tls);
  return quiet ? (event) => isAboutClient(event) || print(event) : print;
}

/** Prints the events of workers, and tells systemd. */
export async function workersAudience(
  options: Printing & WorkerLinesOptions & { readonly systemd: Systemd | undefined },
): Promise<WorkersAudience> {
  const { systemd, quiet } = options;
  const told = systemd === undefined ? undefined : new WorkersSystemd(systemd);
  const print = await printOf(options);
  return {
    onEvent(event) {
      if (!quiet || !isAboutClient(event)) print.onEvent(event);
      told?.onEvent(event);
    },
    onOwn(event, supervisor) {
      print.onOwn(event, supervisor);
      if (event.event === 'ready') told?.ready(event, supervisor);
      else if (event.event === 'stopping') told?.stopping(event.clients);
    },
    onReason: print.onReason,
  };
}

async function printOf({ log, tls, ...about }: Printing & WorkerLinesOptions): Promise<WorkersAudience> {
  if (log === 'json') {
    const { printJson } = await import('./serve-json.ts');
    return { onEvent: printJson, onOwn: printJson, onReason: () => undefined };
  }
  const lines = new WorkerLines(about);
  const own = linePrinter(tls);
  return {
    onEvent: lines.print,
    onOwn(event) {
      own(event);
      if (event.event === 'ready') lines.begin();
      if (event.event === 'stopping') lines.end();
    },
    onReason: (why) => lines.explain(why),
  };
}

/** What `--quiet` leaves out. */
function isAboutClient({ event }: { readonly event: string }): boolean {
  return event === 'client' || event === 'request';
}
