// `maitre serve FILE`: the handler a file exports, one task per client, a line for each, and an orderly end. It listens where
// it is told to, else on the sockets that systemd handed over, else on the default address.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { inspect } from 'node:util';
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
import { describe, escapeControl, escapeLines } from '../base/index.ts';
import { endProcess } from '../hosts/node/index.ts';
import { endOnHangUp } from './hang-up.ts';
import { loadHandler } from './load-handler.ts';
import { connectCommand, inOptions, readTlsFiles, type TlsFiles } from './tls-files.ts';
import { CommandError, HELP, parse, toCount } from './usage.ts';

const OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  path: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
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
  const port = toCount('port', values.port, 0, 65535);
  const tls = readTlsFiles(values['tls-cert'], values['tls-key']);
  const where = whereToListen(values.host, port, values.path);
  const handler = await loadHandler(file);
  endOnHangUp();
  await run(() => serveUntilStopped(handler, { ...limits, ...where, onError: reportError }, { file, grace, tls }));
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
  process.stderr.write(`maitre: ${escapeControl(text)}\n`);
}

/** What the command line says beside the server's options. */
interface Settings {
  readonly file: string;
  /** Milliseconds. */
  readonly grace: number;
  readonly tls: TlsFiles | undefined;
}

async function serveUntilStopped(handler: Handler, options: ServerOptions, settings: Settings): Promise<void> {
  const { grace, tls } = settings;
  const server = await start(logging(handler), options, tls);
  print(...banner(server, settings));
  try {
    await new Future<never>(); // until a signal cancels this task
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    print(stopping(server.connections.size, grace));
    const report = await server.shutdown({ grace });
    print(`stopped: ${report.finished} finished, ${report.cancelled} cancelled, ${report.aborted} aborted`);
    // run() waits for every task. One that ignores its cancel was reported, and shall not hold the command.
    setTimeout(() => void endProcess(0), LAST_WAIT);
  }
}

async function start(handler: Handler, options: ServerOptions, tls: TlsFiles | undefined): Promise<Server> {
  try {
    const secured = tls === undefined ? options : { ...options, tls: { cert: tls.cert, key: tls.key } };
    return await startServer(handler, secured);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException; // listening fails with Errors
    if (tls !== undefined && /\btls\./.test(message))
      throw new CommandError(`cannot serve: ${inOptions(message, tls)}`, 1);
    if (options.fd !== undefined) throw new CommandError(message.replace(/^C/, 'c'), 1); // it names the descriptor
    const where = options.path ?? `${String(options.host)}:${options.port}`;
    throw new CommandError(`cannot listen on ${where}: ${whyNot(code, options) ?? withoutAction(message)}`, 1);
  }
}

/** What an error of the system means to whoever typed the address. */
function whyNot(code: string, { path, port = 0 }: ServerOptions): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `somebody listens there already; ${path === undefined ? 'choose another with --port' : 'end it, or choose another --path'}`;
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address (EADDRNOTAVAIL)';
    case 'EAFNOSUPPORT':
      return 'this machine has no addresses of that kind (EAFNOSUPPORT)';
    case 'ENOTFOUND':
      return 'no such host (ENOTFOUND)';
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
      // libuv says EACCES of a folder that is not there.
      return (
        (path === undefined ? undefined : missingFolder(path)) ?? (code === 'EACCES' ? denied(path, port) : undefined)
      );
    default:
      return undefined;
  }
}

function denied(path: string | undefined, port: number): string {
  return `permission denied${path === undefined && port < 1024 ? '; ports below 1024 are for the administrator' : ''}`;
}

function missingFolder(path: string): string | undefined {
  const folder = dirname(path);
  try {
    return statSync(folder).isDirectory() ? undefined : `${folder} is not a folder`;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException; // asking fails with Errors
    return ['ENOENT', 'ENOTDIR'].includes(code) ? `there is no folder ${folder}` : undefined;
  }
}

/** Where an error says itself what could not be done, only why. */
function withoutAction(message: string): string {
  return message.replace(/^Cannot listen on .*?: /, '');
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
      print(clientLine(connection, performance.now() - began, outcome));
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
  try {
    if (error instanceof CancelledError) return 'cancelled';
    return `${isConnectionLost(error) ? 'lost' : 'failed'}: ${firstLine(error)}`;
  } catch {
    return `failed: ${describe(error)}`; // one that cannot be looked at, such as a revoked Proxy
  }
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
  let text: string;
  try {
    // A client that left is in its line already; what is wrong with the handler is worth a stack.
    if (isConnectionLost(error)) return;
    text = typeof error === 'string' ? error : inspect(error);
  } catch {
    text = describe(error); // one that cannot be looked at
  }
  process.stderr.write(`error in the handler of ${connection.label}: ${escapeLines(text)}\n`);
}

/** Prints lines, each of them one line whatever is in it: paths, and what handlers say of what clients sent. */
function print(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${escapeControl(line)}\n`).join(''));
}

/** The lines that say where it listens and what to type. */
function banner(server: Server, { file, tls }: Settings): string[] {
  const addresses = server.addresses.map(formatAddress);
  const first = server.addresses.find(isReachable);
  const lines = [
    `serving ${file} on ${addresses.join(' and ')}${tls === undefined ? '' : ' over TLS'}; Ctrl-C ends it`,
  ];
  if (first === undefined) return lines;
  lines.push('to see it work, type in another terminal:');
  if (tls !== undefined) {
    const at = 'path' in first ? first.path : { address: reachable(first.address), port: first.port };
    return [...lines, `    ${connectCommand(tls, at)}`];
  }
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
  return lines;
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
