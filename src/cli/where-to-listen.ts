// Decides where `maitre serve` listens: on the address or descriptor that the user set, else on the
// sockets that systemd handed over, else on the default address.
import { listenFds } from '../index.node.ts';
import { CommandError, type Values } from './command.ts';
import { note } from './note.ts';
import type { ServeOptions } from './serve-options.ts';

type Place = Pick<Values<ServeOptions>, 'host' | 'port' | 'path' | 'fd'>;

/** Options of a server. */
export type Where =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  | { readonly fd: number | readonly number[] };

/**
 * Deletes the variables of handed-over sockets from the environment, so that FILE, which is loaded
 * afterwards, does not find them.
 * @param given the options that the user set; the others have their fallbacks
 * @throws CommandError for options that exclude each other, and for variables that make no sense
 */
export function whereToListen({ host, port, path, fd }: Place, given: ReadonlySet<keyof ServeOptions>): Where {
  const hasAddress = given.has('host') || given.has('port');
  if (path !== undefined && hasAddress) throw new CommandError('give either --path, or --host and --port', 2);
  if (fd !== undefined && (path !== undefined || hasAddress)) {
    throw new CommandError('give either --fd, or an address with --host, --port or --path', 2);
  }
  const pid = process.env['LISTEN_FDS'] === undefined ? undefined : process.env['LISTEN_PID'];
  const handedOver = takeHandedOver();
  if (fd !== undefined) return { fd };
  const isTold = path !== undefined || hasAddress;
  if (handedOver.length > 0 && !isTold) return { fd: handedOver };
  if (handedOver.length > 0) note('the sockets that were handed over are not served: an address was given');
  else if (!isTold && pid !== undefined && pid !== String(process.pid)) {
    note(
      `LISTEN_PID is ${pid} and this is process ${process.pid}: the sockets handed over are not served. ` +
        'npx and npm start a process of their own: have node run the command itself',
    );
  }
  return path === undefined ? { host, port } : { path };
}

function takeHandedOver(): number[] {
  try {
    return listenFds().map(({ fd }) => fd);
  } catch (error) {
    throw new CommandError((error as Error).message, 1); // it throws RangeErrors
  }
}
