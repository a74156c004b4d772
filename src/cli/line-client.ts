// What `maitre connect` does: a small line client. Standard input goes to the server, its answers
// to standard output. The end of the input half-closes the connection, which TLS cannot; the
// server's end ends the command.
import { isIPv6 } from 'node:net';
import {
  cancellable,
  CancelledError,
  type Connection,
  type ConnectOptions,
  openConnection,
  run,
  TaskGroup,
  TaskGroupError,
} from '../index.node.ts';
import { CommandError } from './command.ts';

/** What an error of the system means to a user who typed the target. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied (EACCES)',
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ECONNRESET: 'the server broke the connection off (ECONNRESET)',
  EHOSTUNREACH: 'the host cannot be reached (EHOSTUNREACH)',
  ENETUNREACH: 'its network cannot be reached (ENETUNREACH)',
  ENOENT: 'there is no such socket (ENOENT)',
  ENOTFOUND: 'no such host (ENOTFOUND)',
  // OpenSSL's code for bytes that are not TLS.
  EPROTO: 'the server does not speak TLS, or no version of it that is spoken here (EPROTO)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS (ERR_SSL_PACKET_LENGTH_TOO_LONG)',
};

/** Connects, talks until the server ends, and resolves with the exit code. */
export async function connect(target: string, tls: boolean): Promise<number> {
  const options: ConnectOptions = { ...parseTarget(target), ...(tls ? { tls } : {}) };
  await run(async () => {
    await using connection = await open(options, target);
    try {
      await TaskGroup.run(async (group) => {
        process.stdout.once('error', () => group.cancel()); // nobody reads our output any more, as after `| head`
        group.createTask(() => send(connection));
        await receive(connection);
        group.cancel(); // the server has ended: nobody would read what is sent
      });
    } catch (error) {
      if (error instanceof CancelledError) throw error; // by a signal
      const [first] = error instanceof TaskGroupError ? (error.errors as unknown[]) : [error];
      throw first instanceof CommandError || !(first instanceof Error) ? first : new CommandError(first.message, 1);
    }
  });
  return 0;
}

function parseTarget(target: string): ConnectOptions {
  if (target.includes('/')) return { path: target };
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:]*)):(?<port>\d+)$/.exec(target)?.groups;
  const port = Number(match?.['port']);
  const host = match?.['v6'] ?? match?.['host'];
  if (match === undefined || host === undefined || port > 65535 || (match['v6'] !== undefined && !isIPv6(host))) {
    throw new CommandError(
      `cannot connect to ${JSON.stringify(target)}: expected HOST:PORT, [IPV6]:PORT or a path with a slash`,
      2,
    );
  }
  return { host: host === '' ? 'localhost' : host, port };
}

async function open(options: ConnectOptions, target: string): Promise<Connection> {
  try {
    return await openConnection(options);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException; // connecting fails with Errors
    const reason = REASONS[code] ?? message.replace(/^Cannot connect(?: to .*?)?: /, '');
    throw new CommandError(`cannot connect to ${target}: ${reason}`, 1);
  }
}

async function send({ writer }: Connection): Promise<void> {
  const input = process.stdin[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await cancellable(input.next() as Promise<IteratorResult<Buffer, undefined>>);
    if (done === true) break;
    writer.write(value);
    await writer.drain();
  }
  // Over TLS the server does not learn of it, and its answers go on until its own end.
  if (writer.canWriteEof()) writer.writeEof();
}

async function receive({ reader }: Connection): Promise<void> {
  for (let bytes = await reader.read(65536); bytes.length > 0; bytes = await reader.read(65536)) {
    if (process.stdout.write(bytes)) continue;
    await cancellable(new Promise<void>((resolve) => process.stdout.once('drain', resolve)));
  }
}
