// Which process a command means: the one with this PID, the one behind this socket, or the only one
// that runs.
import { readFileSync } from 'node:fs';
import { plainText, processesView, type RunningProcess } from '../console/index.ts';
import { CancelledError } from '../index.node.ts';
import { PROTOCOL } from '../inspect/protocol/index.ts';
import { socketFolders } from '../inspect/sockets/index.ts';
import { CommandTrouble } from './command.ts';
import {
  findSockets,
  type FoundSocket,
  HELLO_TIMEOUT,
  InspectClient,
  NoAnswerError,
  probe,
  type Probe,
  RefusedError,
} from './inspect-client.ts';

const START_ONE = 'Start one with: maitre serve FILE --inspect';

/** A process that can be asked. */
export interface Target {
  /** Undefined for a socket that was named by its path, as one of a container. */
  readonly pid: number | undefined;
  readonly path: string;
}

/**
 * Finds the process.
 * @param folders where sockets are
 * @throws CommandTrouble when there is none, or more than one; it lists them
 */
export async function findTarget(
  text: string | undefined,
  folders: readonly string[] = socketFolders(),
): Promise<Target> {
  if (text === undefined) return findOnly(folders);
  if (text.includes('/')) return { pid: undefined, path: text };
  const pid = /^\d+$/.test(text) ? Number(text) : undefined;
  if (pid === undefined) {
    throw new CommandTrouble(`${JSON.stringify(text)} is no PID, and no path: a path has a slash`);
  }
  const { sockets, ignored } = findSockets(folders);
  const socket = sockets.find((each) => each.pid === pid);
  if (socket !== undefined) return socket;
  throw new CommandTrouble(WHY_NOT[stateOf(pid)](pid), [...ignored, ...(await listRunning(sockets))].join('\n'));
}

/**
 * Opens a connection to a process.
 * @throws CommandTrouble when it cannot be asked, has no place for a viewer, or speaks another
 * version of the protocol
 */
export async function openTarget(target: Target): Promise<InspectClient> {
  const client = await connectTo(target);
  try {
    const { protocol, version } = await client.request('hello', {}, HELLO_TIMEOUT);
    if (protocol === PROTOCOL) return client;
    throw new CommandTrouble(
      `${whoIs(target)} runs maitre ${version} with version ${protocol} of the protocol, ` +
        `expected version ${PROTOCOL}: use the maitre of that program`,
    );
  } catch (error) {
    if (error instanceof NoAnswerError && !error.isOver) return client; // whatever is asked next says so
    await client[Symbol.asyncDispose]();
    if (error instanceof RefusedError || error instanceof NoAnswerError)
      throw new CommandTrouble(
        [`${whoIs(target)} cannot be asked: ${error.message}`, ...knownOf(target.pid)].join('; '),
      );
    throw error;
  }
}

/** Who does not answer, in a sentence. */
export function whoIs({ pid, path }: Target): string {
  return pid === undefined ? path : `process ${pid}`;
}

async function connectTo({ path }: Target): Promise<InspectClient> {
  try {
    return await InspectClient.open(path);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    const { code, message } = error as NodeJS.ErrnoException; // connecting fails with Errors
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such socket',
      ECONNREFUSED: 'its process has ended',
      EACCES: 'it belongs to another user',
      ENOTSOCK: 'it is not a socket',
    };
    throw new CommandTrouble(`cannot connect to ${path}: ${reasons[code ?? ''] ?? message}`);
  }
}

async function findOnly(folders: readonly string[]): Promise<Target> {
  const { sockets, ignored } = findSockets(folders);
  const probes = await Promise.all(sockets.map(probe));
  const there = probes.filter((each) => each.state !== 'gone');
  const [only] = there;
  if (only !== undefined && there.length === 1) return only.socket;
  if (only === undefined)
    throw new CommandTrouble(`no program with an inspector runs. ${START_ONE}`, ignored.join('\n'));
  throw new CommandTrouble(`${there.length} programs run; say which one`, listText(there));
}

async function listRunning(sockets: readonly FoundSocket[]): Promise<string[]> {
  const probes = await Promise.all(sockets.map(probe));
  const text = listText(probes);
  return text === '' ? [] : ['These run:', text];
}

function listText(probes: readonly Probe[]): string {
  const rows = probes.flatMap(toRow);
  return rows.length === 0 ? '' : plainText(processesView(rows, undefined)).trimEnd();
}

function toRow(found: Probe): RunningProcess[] {
  if (found.state === 'gone') return [];
  const { pid, path } = found.socket;
  if (found.state === 'silent') return [{ pid, socket: path, why: [found.why, ...knownOf(pid)].join('; ') }];
  const { process, addresses } = found.hello;
  return [
    {
      pid,
      socket: path,
      file: process.file,
      runtime: process.runtime,
      uptime: process.uptime,
      ...(addresses === undefined ? {} : { addresses }),
    },
  ];
}

const STATES: Readonly<Record<string, string>> = {
  T: 'it is stopped (by SIGSTOP or Ctrl-Z)',
  t: 'a debugger has stopped it',
  Z: 'it has ended, and its parent has not noticed',
  D: 'it waits for a disk or a device',
};

/** What the system knows of a process that does not answer, on Linux. */
export function knownOf(pid: number | undefined): string[] {
  if (pid === undefined) return [];
  if (stateOf(pid) === 'gone') return ['its process has ended'];
  try {
    // The name in parentheses may hold anything; the state follows the last one.
    const state = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1').slice(-400))?.[1] ?? '';
    return STATES[state] === undefined ? [] : [STATES[state]];
  } catch {
    return []; // no Linux
  }
}

/** Why a process without a socket cannot be asked. That of another user is not seen from here. */
const WHY_NOT = {
  own: (pid: number) => `process ${pid} runs, but it has no inspector`,
  foreign: (pid: number) => `process ${pid} runs as another user, and an inspector answers its own user only`,
  gone: (pid: number) => `there is no process ${pid}`,
};

function stateOf(pid: number): keyof typeof WHY_NOT {
  try {
    process.kill(pid, 0);
    return 'own';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'foreign' : 'gone';
  }
}
