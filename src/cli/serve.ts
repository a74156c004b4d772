// `maitre serve FILE`: the handler a file exports, one task per client, a line for each, and an orderly end.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  CancelledError,
  type Connection,
  createTask,
  formatAddress,
  Future,
  type Handler,
  run,
  type Server,
  type ServerOptions,
  startServer,
} from '../index.node.ts';
import { loadHandler } from './load-handler.ts';
import { CommandError, HELP, parse, toCount } from './usage.ts';

const OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  path: { type: 'string' },
  grace: { type: 'string' },
  'max-connections': { type: 'string' },
  concurrency: { type: 'string' },
} as const;

const DEFAULT_GRACE = 10_000;
/** Milliseconds that what the handlers started gets to end, after the shutdown. */
const LAST_WAIT = 500;

export async function serve(args: string[]): Promise<number> {
  const { values, positionals, help } = parse(args, OPTIONS);
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [file, ...more] = positionals;
  if (file === undefined) throw new CommandError('serve needs a FILE that exports a handler', 2);
  if (more.length > 0) throw new CommandError(`serve takes one FILE, got ${positionals.length}`, 2);
  if (values.path !== undefined && (values.host !== undefined || values.port !== undefined)) {
    throw new CommandError('give either --path, or --host and --port', 2);
  }
  const grace = toCount('grace', values.grace, 0) ?? DEFAULT_GRACE;
  const limits = {
    maxConnections: toCount('max-connections', values['max-connections'], 1),
    concurrency: toCount('concurrency', values.concurrency, 1),
  };
  const port = toCount('port', values.port, 0, 65535) ?? 8002;
  const where = values.path === undefined ? { host: values.host ?? '127.0.0.1', port } : { path: values.path };
  const handler = await loadHandler(file);
  await run(() => serveUntilStopped(handler, { ...limits, ...where, onError: reportError }, file, grace));
  return 0;
}

async function serveUntilStopped(handler: Handler, options: ServerOptions, file: string, grace: number): Promise<void> {
  const server = await start(logging(handler), options);
  console.log(banner(server, file));
  try {
    await new Future<never>(); // until a signal cancels this task
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    console.log(stopping(server.connections.size, grace));
    const report = await server.shutdown({ grace });
    console.log(`stopped: ${report.finished} finished, ${report.cancelled} cancelled, ${report.aborted} aborted`);
    // run() waits for every task. One that ignores its cancel was reported, and shall not hold the command.
    setTimeout(() => process.exit(0), LAST_WAIT);
  }
}

async function start(handler: Handler, options: ServerOptions): Promise<Server> {
  try {
    return await startServer(handler, options);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    const { code, message } = error as NodeJS.ErrnoException; // listening fails with Errors
    const where = options.path ?? `${String(options.host)}:${options.port}`;
    if (code === 'EADDRINUSE') {
      const other = options.path === undefined ? 'choose another with --port' : 'end it, or choose another --path';
      throw new CommandError(`cannot listen on ${where}: somebody listens there already; ${other}`, 1);
    }
    if (code === 'EACCES') {
      const hint =
        options.path === undefined && (options.port ?? 0) < 1024 ? '; ports below 1024 are for the administrator' : '';
      throw new CommandError(`cannot listen on ${where}: permission denied${hint}`, 1);
    }
    throw new CommandError(`cannot listen on ${where}: ${message}`, 1);
  }
}

function stopping(clients: number, grace: number): string {
  if (clients === 0) return 'stopping';
  const who = clients === 1 ? '1 client gets' : `${clients} clients get`;
  return `stopping: ${who} up to ${grace / 1000} s to finish; a second signal ends it at once`;
}

/** The handler, with a line about each client when its handler has ended and its connection is gone. */
function logging(handler: Handler): Handler {
  return async (reader, writer, connection) => {
    const began = performance.now();
    const ended = new Future<string>();
    createTask(async () => {
      const outcome = await ended;
      await writer.waitClosed();
      console.log(clientLine(connection, performance.now() - began, outcome));
    });
    try {
      await handler(reader, writer, connection);
      ended.setResult('done');
    } catch (error) {
      ended.setResult(outcomeOf(error));
      throw error;
    }
  };
}

function outcomeOf(error: unknown): string {
  if (error instanceof CancelledError) return 'cancelled';
  return `${isLoss(error) ? 'lost' : 'failed'}: ${firstLine(error)}`;
}

function isLoss(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_CONNECTION_LOST';
}

function clientLine(connection: Connection, ms: number, outcome: string): string {
  const { peer, bytesRead, bytesWritten, error } = connection;
  const end = outcome === 'done' && error !== undefined ? `lost: ${firstLine(error)}` : outcome;
  return `${formatAddress(peer)}  ${ms.toFixed(0)} ms  ${bytesRead} bytes in, ${bytesWritten} out  ${end}`;
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
}

function reportError(error: unknown, connection: Connection): void {
  // A client that left is in its line already; what is wrong with the handler is worth a stack.
  if (isLoss(error)) return;
  console.error(`error in the handler of ${connection}:`, error);
}

function banner(server: Server, file: string): string {
  const addresses = server.addresses.map(formatAddress);
  const [first] = server.addresses;
  const lines = [
    `serving ${file} on ${addresses.join(' and ')}; Ctrl-C ends it`,
    'to see it work, type in another terminal:',
  ];
  if (first !== undefined && hasNc()) {
    lines.push(
      'path' in first
        ? `    printf hi | nc -U ${first.path}`
        : `    printf hi | nc ${reachable(first.address)} ${first.port}`,
    );
  }
  lines.push(
    `    npx maitre connect ${first === undefined ? '' : 'path' in first ? first.path : formatAddress({ ...first, address: reachable(first.address) })}`,
  );
  return lines.join('\n');
}

/** An address one can connect to: "all interfaces" is not one. */
function reachable(address: string): string {
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
}

function hasNc(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'nc'), constants.X_OK);
      return true;
    } catch {
      return false; // not there: the next folder
    }
  });
}
