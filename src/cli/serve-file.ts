// What `maitre serve` does: loads FILE, then joins where to listen, what to print, and serving in
// this process. It ends by a signal: `run` cancels the task that serves.
import { run } from '../index.node.ts';
import { endProcess } from '../hosts/node/index.ts';
import type { Values } from './command.ts';
import { endOnHangUp } from './hang-up.ts';
import { loadHandler } from './load-handler.ts';
import type { ServeListener } from './serve-events.ts';
import { serveHere } from './serve-here.ts';
import { linePrinter } from './serve-lines.ts';
import type { ServeOptions } from './serve-options.ts';
import { readTlsFiles } from './tls-files.ts';
import { whereToListen } from './where-to-listen.ts';

/** Milliseconds that tasks which handlers started have to end after the shutdown. */
const LAST_WAIT = 500;

/** Serves until a signal has ended it, and resolves with the exit code. */
export async function serveFile(
  file: string,
  values: Values<ServeOptions>,
  given: ReadonlySet<keyof ServeOptions>,
): Promise<number> {
  const tls = readTlsFiles(values['tls-cert'], values['tls-key']);
  const where = whereToListen(values, given); // before FILE is loaded, see there
  const handler = await loadHandler(file);
  const server = { ...where, maxConnections: values['max-connections'], concurrency: values.concurrency };
  const print = values.log === 'json' ? (await import('./serve-json.ts')).printJson : linePrinter(tls);
  endOnHangUp();
  await run(async () => {
    await serveHere(handler, { server, tls, file, grace: values.grace }, values.quiet ? withoutClients(print) : print);
    // run() waits for every task. A task that ignores its cancel was reported, and must not keep
    // the command running.
    setTimeout(() => void endProcess(0), LAST_WAIT);
  });
  return 0;
}

/** `--quiet`. */
function withoutClients(listener: ServeListener): ServeListener {
  return (event) => event.event === 'client' || listener(event);
}
