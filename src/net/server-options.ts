// The options of startServer: those of every server (serving-options.ts), and those that need the
// system.
import { type Check, type Checks, checkOptions, ofType } from '../base/index.ts';
import {
  ACTION,
  checkTogether,
  hasPort,
  oneOrMore,
  pathUpTo,
  type ServerOptions,
  SERVING,
  wrongTogether,
} from './serving-options.ts';
import { serverTls } from './tls-options.ts';
import { LONGEST_PATH } from './unix-path.ts';

/** The check of the path of a Unix socket, or of an abstract name. */
export const unixPath: Check = pathUpTo(LONGEST_PATH);

const descriptor: Check = ofType('number', 'the number of an open descriptor', (fd) => Number.isInteger(fd) && fd >= 0);

/** All options of startServer. */
export const SERVER: Checks<ServerOptions> = {
  path: unixPath,
  fd: oneOrMore(descriptor, 'the list of fd is empty, nothing was handed over'),
  ...SERVING,
  tls: serverTls,
};

/**
 * Checks the options of startServer, alone and together.
 * @throws TypeError or RangeError for the first option that is wrong or unknown
 */
export function checkServerOptions(options: ServerOptions): void {
  checkOptions(ACTION, options, SERVER, '', { shutdownTimeout: 'closeNotifyTimeout' });
  checkTogether(options);
  const { path, fd, reusePort } = options;
  if (fd === undefined) return;
  if (hasPort(options) || path !== undefined)
    throw wrongTogether('give either fd, or an address (host and port, or path)');
  if (reusePort === true) throw wrongTogether('reusePort is for addresses, a descriptor is bound already');
  if (Array.isArray(fd) && new Set(fd).size < fd.length) {
    throw new RangeError(`Cannot ${ACTION}: fd has a descriptor twice, got ${fd.join(', ')}`);
  }
}

/** @throws RangeError unless this version of Node can let several processes listen on one port */
export function checkReusePort(action: string): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12)) return;
  throw new RangeError(`Cannot ${action}: reusePort needs Node 22.12 or later, this is ${process.versions.node}`);
}
