// What `maitre serve` does: joins where to listen, what to print, and serving, in this process or with
// workers. It ends by a signal: `run` cancels the task that serves.
import { resolve } from 'node:path';
import { run, type ServerOptions } from '../index.node.ts';
import { endProcess } from '../hosts/node/index.ts';
import { type Inspected, loadHandler, openSystemd, ServeError, serveHere } from '../workers/index.ts';
import { CommandError, type Values } from './command.ts';
import { endOnHangUp } from './hang-up.ts';
import { listenFailure, wrongUse } from './listen-failure.ts';
import { note } from './note.ts';
import { ProgramWatch } from './program-watch.ts';
import { printerOf, workersAudience } from './serve-audience.ts';
import { serveMany } from './serve-many.ts';
import type { ServeOptions } from './serve-options.ts';
import { systemdListener } from './serve-systemd.ts';
import { freshTls, inOptions, readTlsFiles, type TlsFiles } from './tls-files.ts';
import { whereToListen } from './where-to-listen.ts';
import { readable } from './worker-lines.ts';
import { workerSettings } from './worker-settings.ts';

/** Milliseconds that tasks which handlers started have to end after the shutdown. */
const LAST_WAIT = 500;

/** Milliseconds that a shutdown may take after the grace of clients: to cancel, to abort, and to kill workers. */
const SHUTDOWN_WAIT = 10_000;

interface ServeContext {
  /** The options that were given. */
  readonly given: ReadonlySet<keyof ServeOptions>;
  /** What MAITRE_INSPECT adds to `--inspect`. */
  readonly words: readonly string[];
}

/** Serves until a signal has ended it, and resolves with the exit code. */
export async function serveFile(
  file: string,
  values: Values<ServeOptions>,
  { given, words }: ServeContext,
): Promise<number> {
  const settings = workerSettings(values, given);
  const tls = readTlsFiles(values['tls-cert'], values['tls-key']);
  const where = whereToListen(values, given); // before FILE is loaded, see there
  const systemd = openSystemd({ onTrouble: note }); // likewise
  const inspector = values.inspect ? await inspect(file, words, values.log === 'text') : undefined; // before FILE, which may hang
  const { grace, log, quiet } = values;
  const server = { ...where, ...limitsOf(values) };
  let serve: () => Promise<void>;
  if (settings === undefined) {
    const handler = await loadHandler(file).catch((error: unknown) => {
      throw inOneLine(error, file);
    });
    const print = await printerOf({ log, quiet, tls });
    const tell = systemd === undefined ? undefined : systemdListener(systemd);
    endOnHangUp();
    serve = () =>
      serveHere(handler, { server, tls, file, grace, inspector }, (event) => {
        print(event);
        tell?.(event);
      });
  } else {
    const audience = await workersAudience({ file, log, quiet, tls, grace, watches: values.reload, systemd });
    const workers = { ...server, ...settings, ...(tls === undefined ? {} : { tls: freshTls(tls) }) };
    const more = { tls: tls !== undefined, ...(inspector === undefined ? {} : { inspector }) };
    serve = async () => {
      await using watch = values.reload ? new ProgramWatch(file) : undefined;
      await serveMany({ file, workers, grace, watch, more }, audience);
    };
  }
  await run(
    async () => {
      await serve().catch((error: unknown) => {
        throw inOneLine(error, file, server, tls);
      });
      await systemd?.sent(LAST_WAIT);
      // run() waits for every task. A task that ignores its cancel was reported, and must not keep
      // the command running.
      setTimeout(() => void endProcess(0), LAST_WAIT);
    },
    { grace: grace + SHUTDOWN_WAIT },
  );
  return 0;
}

function limitsOf(
  values: Values<ServeOptions>,
): Pick<ServerOptions, 'maxConnections' | 'concurrency' | 'reusePort' | 'proxyProtocol'> {
  return {
    maxConnections: values['max-connections'],
    concurrency: values.concurrency,
    reusePort: values['reuse-port'] ? true : undefined, // false is refused for a socket that has no port
    proxyProtocol: values['proxy-protocol'],
  };
}

/**
 * `--inspect`, with what the words of MAITRE_INSPECT add. The address of the page is for people: its token is not for a
 * log.
 */
async function inspect(file: string, words: readonly string[], isForPeople: boolean): Promise<Inspected> {
  const { startInspector } = await import('../inspect.node.ts');
  process.argv[1] = resolve(file); // the program that viewers see is FILE, not this command
  try {
    const options = { control: words.includes('control'), record: words.includes('record') };
    const { socket, page } = await startInspector({ web: true, ...options });
    return { socket, page: isForPeople && process.stdout.isTTY ? page : undefined };
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error), 1);
  }
}

/** What the user is told of a FILE that cannot be served. */
function inOneLine(error: unknown, file: string, server: ServerOptions = {}, tls?: TlsFiles): unknown {
  const misuse = wrongUse(error) ?? wrongUse(error instanceof Error ? error.cause : undefined);
  if (misuse !== undefined || !(error instanceof ServeError)) return misuse ?? error;
  if (tls !== undefined && error.step === 'listen' && /\btls\./.test(error.message))
    return new CommandError(`cannot serve: ${inOptions(error.message, tls)}`, 1);
  if (error.step === 'listen' && error.cause !== undefined)
    return listenFailure(error.cause as NodeJS.ErrnoException, server); // listening fails with Errors
  return new CommandError(readable(error.message, file), error.exitCode, error.detail);
}
