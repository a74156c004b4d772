// `maitre serve FILE`: the handler a file exports, one task per client, a line for each, and an orderly end. It listens where
// it is told to, else on the sockets that systemd handed over, else on the default address.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  type Address,
  CancelledError,
  type Connection,
  createTask,
  formatAddress,
  Future,
  type Handler,
  isConnectionLost,
  listenFds,
  run,
  type Server,
  type ServerOptions,
  startServer,
} from '../index.node.ts';
import { endProcess } from '../hosts/node/index.ts';
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
  const where = whereToListen(values.host, toCount('port', values.port, 0, 65535), values.path);
  const handler = await loadHandler(file);
  await run(() => serveUntilStopped(handler, { ...limits, ...where, onError: reportError }, file, grace));
  return 0;
}

/** Runs before FILE is loaded: what it starts shall not find the variables of the sockets that were handed over. */
function whereToListen(host: string | undefined, port: number | undefined, path: string | undefined): ServerOptions {
  const pid = process.env['LISTEN_FDS'] === undefined ? undefined : process.env['LISTEN_PID'];
  const fds = handedOver();
  const told = host !== undefined || port !== undefined || path !== undefined;
  if (fds.length > 0 && !told) return { fd: fds };
  if (fds.length > 0) note('the sockets that were handed over are not served: an address was given');
  else if (!told && pid !== undefined && pid !== String(process.pid)) {
    note(
      `LISTEN_PID is ${pid} and this is process ${process.pid}: the sockets handed over are not served. ` +
        'npx and npm start a process of their own: have node run the command itself',
    );
  }
  return path === undefined ? { host: host ?? '127.0.0.1', port: port ?? 8002 } : { path };
}

function handedOver(): number[] {
  try {
    return listenFds().map(({ fd }) => fd);
  } catch (error) {
    throw new CommandError((error as Error).message, 1); // it throws RangeErrors
  }
}

function note(text: string): void {
  process.stderr.write(`maitre: ${text}\n`);
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
    setTimeout(() => void endProcess(0), LAST_WAIT);
  }
}

async function start(handler: Handler, options: ServerOptions): Promise<Server> {
  try {
    return await startServer(handler, options);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    const { code, message } = error as NodeJS.ErrnoException; // listening fails with Errors
    if (options.fd !== undefined) throw new CommandError(message.replace(/^C/, 'c'), 1); // it names the descriptor
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
    const begin = `Cannot listen on ${where}: `;
    const state = message.startsWith(begin) ? message.slice(begin.length) : message;
    throw new CommandError(`cannot listen on ${where}: ${state}`, 1);
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
    let end: (outcome: string) => void = () => undefined;
    // A bare promise: run() cancels what still waits here together with a late handler, whose line is due all the same.
    const ended = new Promise<string>((resolve) => (end = resolve));
    const line = async (): Promise<void> => {
      const outcome = await ended;
      await writer.waitClosed();
      console.log(clientLine(connection, performance.now() - began, outcome));
    };
    createTask(() => line().catch(line));
    try {
      await handler(reader, writer, connection);
      end('done');
    } catch (error) {
      end(outcomeOf(error));
      throw error;
    }
  };
}

function outcomeOf(error: unknown): string {
  if (error instanceof CancelledError) return 'cancelled';
  return `${isConnectionLost(error) ? 'lost' : 'failed'}: ${firstLine(error)}`;
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
  if (isConnectionLost(error)) return;
  console.error(`error in the handler of ${connection}:`, error);
}

function banner(server: Server, file: string): string {
  const addresses = server.addresses.map(formatAddress);
  const first = server.addresses.find(isReachable);
  const lines = [`serving ${file} on ${addresses.join(' and ')}; Ctrl-C ends it`];
  if (first === undefined) return lines.join('\n');
  lines.push('to see it work, type in another terminal:');
  if (hasNc()) {
    lines.push(
      'path' in first
        ? `    printf hi | nc -U ${first.path}`
        : `    printf hi | nc ${reachable(first.address)} ${first.port}`,
    );
  }
  lines.push(
    `    npx maitre connect ${'path' in first ? first.path : formatAddress({ ...first, address: reachable(first.address) })}`,
  );
  return lines.join('\n');
}

/** Whether a command line can say where it is: not of a Unix socket without a file. */
function isReachable(address: Address): boolean {
  return !('path' in address) || !/^(?:\0|$)/.test(address.path);
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
