// A process that can be inspected, made up: it speaks the protocol on a socket in a folder of its own, and answers what
// the test says. The tests of the commands run real commands against it.
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type {
  BlockRow,
  ClientRow,
  Freshness,
  Group,
  LoopRow,
  Method,
  Methods,
  ProcessRow,
  Snapshot,
  TaskRow,
} from '#src/inspect/protocol/index.js';
import { Folder } from './program.js';

type Answer<M extends Method> = Methods[M]['result'] | 'silent' | Error;

/** What a method answers: a result, `silent` for nothing at all, or an Error, whose name is the code. */
export type Answers = {
  readonly [M in Method]?: (params: Methods[M]['params']) => Answer<M> | Promise<Answer<M>>;
};

export interface FakeInspector extends AsyncDisposable {
  readonly path: string;
  /** The environment in which commands find it. */
  readonly env: NodeJS.ProcessEnv;
  /** The requests so far. */
  readonly requests: { readonly method: string; readonly params: unknown }[];
  /** Ends it as a process that dies does: its socket file stays. */
  die(): Promise<void>;
}

/** Starts one, called `pid`, in `folder` or one of its own. */
export async function startFake(answers: Answers, pid: number = process.pid, folder?: Folder): Promise<FakeInspector> {
  const own = folder ?? new Folder();
  const home = join(own.path, 'maitre');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  chmodSync(home, 0o700);
  const path = join(home, `${pid}.sock`);
  const requests: { method: string; params: unknown }[] = [];
  const sockets = new Set<Socket>();
  const all: Answers = { hello: () => helloResult({ pid }), ...answers };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    createInterface(socket).on('line', (text) => void respond(socket, text));
  });
  const respond = async (socket: Socket, text: string): Promise<void> => {
    const { id, method, params } = JSON.parse(text) as { id: number; method: Method; params: never };
    requests.push({ method, params });
    const answer = await (all[method]?.(params) ??
      Object.assign(new Error(`there is no method "${method}"`), { name: 'UNKNOWN_METHOD' }));
    if (answer === 'silent') return;
    const body =
      answer instanceof Error ? { error: { code: answer.name, message: answer.message } } : { result: answer };
    socket.write(`${JSON.stringify({ id, ...body })}\n`);
  };
  server.listen(path);
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return {
    path,
    env: { XDG_RUNTIME_DIR: own.path },
    requests,
    async die() {
      // The file of a socket goes with its server here: a plain rename takes it out of its hands.
      const { linkSync, renameSync } = await import('node:fs');
      linkSync(path, `${path}.kept`);
      await close();
      renameSync(`${path}.kept`, path);
    },
    async [Symbol.asyncDispose]() {
      await close();
      if (folder === undefined) own[Symbol.dispose]();
    },
  };
}

export const FRESH: Freshness = { how: 'asked', age: 0 };
const LOOP: LoopRow = { busy: 0.12, lag: { p50: 0.4, p99: 2.1 } };

export function processRow(more: Partial<ProcessRow> = {}): ProcessRow {
  return {
    pid: process.pid,
    runtime: 'Node.js 24.11.1',
    file: '/srv/chat/chat.ts',
    epoch: 1_700_000_000_000,
    uptime: 11_520_000,
    rss: 96_000_000,
    heapUsed: 40_000_000,
    ...more,
  };
}

export function helloResult({ pid = process.pid, ...more }: Partial<ProcessRow> = {}): Methods['hello']['result'] {
  return {
    protocol: 1,
    version: '0.1.0',
    process: processRow({ pid, ...more }),
    addresses: ['127.0.0.1:8002'],
    control: false,
    record: true,
    now: 11_520_000,
  };
}

export function group(count: number, what: string, more: Partial<Group> = {}): Group {
  return {
    ball: 'read',
    what,
    kind: 'readLine',
    place: 0,
    count,
    shortest: 2000,
    longest: 10_800_000,
    example: 'client 17',
    ...more,
  };
}

type GroupsResult = Methods['groups']['result'];

export function groupsResult(groups: readonly Group[], more: Partial<GroupsResult> = {}): GroupsResult {
  const tasks = groups.reduce((sum, { count }) => sum + count, 0);
  return {
    sentence: 'The loop keeps up; nobody waits unusually long.',
    fresh: FRESH,
    process: processRow(),
    loop: LOOP,
    tasks,
    clients: tasks,
    groups,
    outside: [],
    cycles: [],
    warnings: [],
    places: [],
    ...more,
  };
}

export function clientRow(id: number, more: Partial<ClientRow> = {}): ClientRow {
  return {
    id,
    peer: `127.0.0.1:${40_000 + (id % 20_000)}`,
    server: '127.0.0.1:8002',
    task: id + 1,
    name: `client ${id}`,
    what: 'wait in readLine at chat.ts:14',
    ball: 'read',
    since: 11_520_000 - id * 1000,
    place: 0,
    openedAt: 11_520_000 - id * 2000,
    bytesRead: id * 120,
    bytesWritten: id * 4500,
    unsent: id % 7 === 0 ? 8192 : 0,
    unread: 0,
    ...more,
  };
}

type ConnectionsResult = Methods['connections']['result'];

export function connectionsResult(
  connections: readonly ClientRow[],
  more: Partial<ConnectionsResult> = {},
): ConnectionsResult {
  return {
    sentence: `${connections.length} clients are connected.`,
    fresh: FRESH,
    total: connections.length,
    connections,
    places: [],
    now: 11_520_000,
    ...more,
  };
}

export function blockRow(more: Partial<BlockRow> = {}): BlockRow {
  return {
    id: 1,
    since: 11_518_800,
    ms: 1200,
    over: false,
    thread: 0,
    task: 5,
    name: 'client 4',
    peer: '127.0.0.1:40004',
    place: { file: '/srv/chat/chat.ts', line: 21, column: 5, function: 'crunch', text: 'chat.ts:21' },
    stack: ['crunch (chat.ts:21:5)', 'async handle (chat.ts:14:3)'],
    waiting: 312,
    ...more,
  };
}

export function taskRow(id: number, more: Partial<TaskRow> = {}): TaskRow {
  return {
    id,
    name: `task ${id}`,
    state: 'waiting',
    creator: null,
    awaitedBy: [],
    createdAt: null,
    startedAt: 0,
    steps: id * 3,
    cancelling: 0,
    waits: [{ kind: 'readLine', ball: 'read', since: 11_510_000, place: 0 }],
    ...more,
  };
}

export function snapshot(tasks: readonly TaskRow[], more: Partial<Snapshot> = {}): Snapshot {
  return {
    version: 1,
    now: 11_520_000,
    process: processRow(),
    loop: LOOP,
    current: null,
    tasks,
    resources: [],
    places: [{ file: '/srv/chat/chat.ts', line: 14, column: 3, function: 'handle', text: 'chat.ts:14' }],
    omitted: { tasks: 0, resources: 0 },
    ...more,
  };
}
