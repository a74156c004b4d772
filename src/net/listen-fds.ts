// Sockets that a supervisor opened and hands over: the protocol of systemd, sd_listen_fds(3). The
// environment says for which process they are (LISTEN_PID), how many (LISTEN_FDS) and what each is
// called (LISTEN_FDNAMES). The descriptors count up from 3.
//
// The variables are read once and deleted, whatever they say. Otherwise a child process could take
// them for its own: LISTEN_PID prevents that only until the system reuses the number. Node and Bun
// keep the descriptors themselves from children, by marking what they inherit as close-on-exec.
// Deno does not, and JavaScript has no way to do it.
import { quote } from '../base/index.ts';

/** A listening socket that a supervisor handed over. */
export interface ListenFd {
  /** The descriptor, for `startServer(handler, { fd })`. */
  readonly fd: number;
  /**
   * `FileDescriptorName=` of the .socket unit, by default the unit's name. `'unknown'` where the
   * supervisor set none.
   */
  readonly name: string;
}

/** The environment variables of the protocol. */
export interface ListenVariables {
  readonly LISTEN_PID?: string | undefined;
  readonly LISTEN_FDS?: string | undefined;
  readonly LISTEN_FDNAMES?: string | undefined;
}

/**
 * LISTEN_PIDFDID is systemd's second check of the process, since version 259. LISTEN_PID alone is
 * enough here.
 */
const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'];
/** The first descriptor, SD_LISTEN_FDS_START. */
const START = 3;
/**
 * More descriptors than a process can have open on Linux, by default. Without a bound, a wrong
 * LISTEN_FDS could make a list of billions.
 */
const MOST = 1_048_576;

/**
 * Returns the sockets that systemd, or a supervisor that speaks its protocol, opened for this
 * process. Returns none when the process was started in another way, or when they are meant for
 * another process. Deletes the variables from `process.env`, so that children do not inherit them;
 * a second call returns none. systemd: `sd_listen_fds_with_names`.
 * @throws RangeError when the variables are for this process and make no sense
 *
 * @example
 * ```ts
 * import { listenFds, run, startServer } from 'maitre';
 * await run(async () => {
 *   const fd = listenFds().map((socket) => socket.fd);
 *   await using server = await startServer(
 *     (_reader, writer) => writer.write('soup of the day: tomato\n'),
 *     fd.length > 0 ? { fd } : { host: '127.0.0.1', port: 8002 },
 *   );
 *   await server.serveForever();
 * });
 * ```
 */
export function listenFds(): ListenFd[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = process.env;
  for (const name of VARIABLES) delete process.env[name];
  return parseListenFds({ LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES }, process.pid);
}

/** Reads the variables for the process `pid`. */
export function parseListenFds(variables: ListenVariables, pid: number): ListenFd[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = variables;
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined) return [];
  const count = /^\d+$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : NaN;
  if (!(count <= MOST)) {
    throw wrong(`LISTEN_FDS must be a whole number from 0 to ${MOST}, got ${quote(LISTEN_FDS)}`);
  }
  const names = LISTEN_FDNAMES?.split(':');
  if (names !== undefined && count > 0 && names.length !== count) {
    throw wrong(`LISTEN_FDNAMES must have a name for each of ${count} sockets, got ${quote(String(LISTEN_FDNAMES))}`);
  }
  return Array.from({ length: count }, (_, i) => ({ fd: START + i, name: names?.[i] ?? 'unknown' }));
}

function wrong(what: string): RangeError {
  return new RangeError(`Cannot take over listening sockets: ${what}`);
}
