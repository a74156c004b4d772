// How a message gets to systemd. It listens on a Unix datagram socket, which Node, Bun and Deno
// cannot open. So the message goes through the package unix-dgram, an optional peer, or through the
// program systemd-notify, which is there wherever systemd is.
//
// - unix-dgram sends from this process. It knows no abstract sockets (`@name`).
// - systemd-notify is a process of its own for each message, some 10 ms each. systemd accepts it from
//   a service that runs as root; from others only with `NotifyAccess=all`.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { escapeControl } from '../base/index.ts';

/** Sends messages to one socket. */
export interface NotifyWay {
  readonly name: 'unix-dgram' | 'systemd-notify';
  /** Rejects with an Error if it could not be sent. */
  send(message: string): Promise<void>;
}

/** What is used of the package unix-dgram. */
interface UnixDgram {
  readonly createSocket: (type: 'unix_dgram') => {
    send(data: Buffer, offset: number, length: number, path: string, sent: (error?: Error) => void): void;
    close(): void;
  };
}

const PROGRAM = 'systemd-notify';
/** Milliseconds that one message may take. systemd-notify itself waits for at most five seconds. */
const MESSAGE_WAIT = 6000;

/**
 * Returns the way to a socket. Undefined where there is none.
 * @param load loads the package unix-dgram
 */
export function findNotifyWay(socket: string, load: () => unknown = loadPackage): NotifyWay | undefined {
  return throughPackage(socket, load) ?? throughProgram(socket);
}

function loadPackage(): unknown {
  return createRequire(import.meta.url)('unix-dgram');
}

function throughPackage(path: string, load: () => unknown): NotifyWay | undefined {
  if (!path.startsWith('/')) return undefined;
  try {
    const { createSocket } = load() as UnixDgram; // or whatever has that name: the next line fails then
    createSocket('unix_dgram').close();
    return { name: 'unix-dgram', send: (message) => sendOnce(createSocket, path, Buffer.from(message)) };
  } catch {
    return undefined; // not installed, or not built for this runtime
  }
}

/** A socket for each message: an open one would keep the process alive. */
function sendOnce(createSocket: UnixDgram['createSocket'], path: string, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('unix_dgram');
    socket.send(data, 0, data.length, path, (error) => {
      socket.close();
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

function throughProgram(socket: string): NotifyWay | undefined {
  const program = find(PROGRAM);
  if (program === undefined) return undefined;
  return {
    name: 'systemd-notify',
    send: (message) =>
      new Promise((resolve, reject) => {
        const env = { ...process.env, NOTIFY_SOCKET: socket };
        execFile(program, message.split('\n'), { env, timeout: MESSAGE_WAIT }, (error, _stdout, stderr) => {
          if (error === null) resolve();
          else reject(new Error(`${PROGRAM} failed: ${escapeControl(stderr.trim() || error.message)}`));
        });
      }),
  };
}

function find(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter);
  return folders.map((folder) => join(folder, program)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there: the next folder
  }
}
