// A database server of the tests' own, in a temporary folder: what MariaDB and PostgreSQL share. It listens on a port of
// its own and on a socket in the folder, and never touches what the machine has installed as a service.
//
// Everything ends with this process, however it ends: a shell waits at the other end of a pipe. When the pipe closes, it
// ends the server whose process id it was last told, and removes the folder. So nothing here keeps the process alive.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a server may take to start or to end, ms: a machine under load takes seconds. */
const PATIENCE = 30_000;

export interface ServerOptions {
  /** Further arguments of the server. */
  readonly args?: readonly string[];
  /** Serves TLS with this certificate and key (PEM). */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export type Row = Record<string, unknown>;

/** What one kind of server needs to run. */
export interface ServerKind {
  readonly name: string;
  /** Who runs it when this process is root. */
  readonly user: string;
  /** Ends it in order, whoever is connected. */
  readonly stopSignal: NodeJS.Signals;
  /** Ends it at once, with all of its processes. */
  readonly endSignal: 'KILL' | 'QUIT';
  /** Creates its files in `server.folder`. */
  createFiles(server: DatabaseServer): Promise<void>;
  /** The command that serves them. */
  command(server: DatabaseServer): readonly string[];
  /** One statement over a connection of its own. */
  query(server: DatabaseServer, sql: string): Promise<readonly Row[]>;
}

/** The folder that has all of `programs`: one of `folders`, or one of PATH. */
export function findPrograms(programs: readonly string[], folders: readonly string[]): string | undefined {
  const all = [...folders, ...(process.env['PATH'] ?? '').split(delimiter)];
  return all.find((folder) => programs.every((program) => existsSync(join(folder, program))));
}

/** A reason to skip tests, where the server is missing. Where CI is set, that is an error. */
export function reasonToSkip(name: string, packageName: string, folder: string | undefined): string | undefined {
  if (folder !== undefined) return undefined;
  if (process.env['CI'] === 'true') throw new Error(`There is no ${name} here: install ${packageName}`);
  return `SKIPPED: there is no ${name} (Debian: apt install ${packageName})`;
}

export class DatabaseServer implements AsyncDisposable {
  readonly user = 'maitre';
  readonly password = 'secret';
  readonly host = '127.0.0.1';
  readonly options: ServerOptions;
  readonly #kind: ServerKind;
  #folder = '';
  #port = 0;
  /** undefined before `create`. */
  #janitor: Janitor | undefined;
  /** undefined while it does not run. */
  #child: ChildProcess | undefined;

  protected constructor(kind: ServerKind, options: ServerOptions) {
    this.#kind = kind;
    this.options = options;
  }

  /** Where all of its files are. */
  get folder(): string {
    return this.#folder;
  }

  /** The same through all restarts. */
  get port(): number {
    return this.#port;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Creates the files and starts the server for the first time. */
  protected async create(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), `maitre-${this.#kind.name}-`));
    this.#janitor = new Janitor(this.folder, this.#kind.endSignal);
    this.own(this.folder);
    if (this.options.tls !== undefined) {
      this.write('server.crt', this.options.tls.cert);
      this.write('server.key', this.options.tls.key);
    }
    await this.#kind.createFiles(this);
    this.#port = await freePort();
    await this.start();
  }

  /** Starts it again after `stop` or `kill`; resolves when it answers. */
  async start(): Promise<void> {
    const started = performance.now();
    for (;;) {
      this.#child = this.#spawn();
      while (this.#child !== undefined) {
        // What answers must be this server, and not one that is about to end.
        const answer = await this.query('SELECT 1').catch((error: unknown) => error);
        if (!(answer instanceof Error)) return;
        if (performance.now() - started > PATIENCE)
          throw new Error(`${this.log()}\ndoes not answer`, { cause: answer });
        await delay(10);
      }
      // After a kill, the old one's processes may hold its files for a moment.
      if (performance.now() - started > PATIENCE) throw new Error(`${this.log()}\ndoes not start`);
      await delay(50);
    }
  }

  /** Ends it in order; clients lose their connections. */
  async stop(): Promise<void> {
    await this.#end(this.#kind.stopSignal);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Ends it as a crash would: with SIGKILL, and all of its processes. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops its processes where they are, until `thaw`: it accepts connections, and answers nothing. */
  async freeze(): Promise<void> {
    const pids = this.#signalAll('SIGSTOP');
    while (!pids.every(isStopped)) await delay(1);
  }

  /** Undoes `freeze`. */
  thaw(): void {
    this.#signalAll('SIGCONT');
  }

  /** One statement over a connection of its own, for the truth. Rows by column. */
  query<T extends object = Row>(sql: string): Promise<readonly T[]> {
    return this.#kind.query(this, sql) as Promise<readonly T[]>; // the caller knows its columns
  }

  /** The end of what it wrote to its log. */
  log(): string {
    const path = join(this.folder, 'log');
    return existsSync(path) ? readFileSync(path, 'utf8').slice(-8000) : '';
  }

  /** Writes a file that only the server reads. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    this.own(path);
    return path;
  }

  /** Makes a path the server's. */
  own(path: string): void {
    if (!isRoot()) return;
    const { uid, gid } = idsOf(this.#kind.user);
    chownSync(path, uid, gid);
  }

  /** Runs a program as the server's user, to its end. */
  async run([program = '', ...args]: readonly string[]): Promise<void> {
    const child = this.#spawnAsUser(program, args);
    const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
    if (code !== 0) throw new Error(`${program} ended with ${String(code)}:\n${this.log()}`);
  }

  /** Kills it, and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#janitor?.sweep();
  }

  #spawn(): ChildProcess {
    const [program = '', ...args] = this.#kind.command(this);
    const child = this.#spawnAsUser(program, args);
    this.#janitor?.watch(child.pid);
    child.once('error', () => undefined); // it then exits, or never ran: the log says nothing more
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
      this.#janitor?.watch(undefined);
    });
    child.unref();
    return child;
  }

  #spawnAsUser(program: string, args: readonly string[]): ChildProcess {
    const { user } = this.#kind;
    const become = isRoot() ? ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups'] : [];
    const [command = program, ...rest] = [...become, program, ...args];
    const log = openSync(join(this.folder, 'log'), 'a');
    try {
      // In a group of its own: Ctrl-C is for the tests, whose end ends it.
      return spawn(command, rest, { cwd: this.folder, stdio: ['ignore', log, log], detached: true });
    } finally {
      closeSync(log);
    }
  }

  #signalAll(signal: NodeJS.Signals): number[] {
    const pid = this.#child?.pid;
    const pids = pid === undefined ? [] : [pid, ...childrenOf(pid)];
    for (const each of pids) sendSignal(each, signal);
    return pids;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    child.ref();
    if (signal === 'SIGKILL') this.#signalAll(signal);
    else child.kill(signal);
    // The last resort, for a server that does not end in order.
    const timer = setTimeout(() => void child.kill('SIGKILL'), PATIENCE);
    await ended;
    clearTimeout(timer);
  }
}

/** The shell at the other end of the pipe. */
class Janitor {
  readonly #shell: ChildProcess & { stdin: Writable };
  readonly #gone: Promise<void>;

  constructor(folder: string, signal: 'KILL' | 'QUIT') {
    // The server is not this shell's child: it may write its last while the folder goes.
    const script = `
      trap '' INT TERM HUP
      while read -r line; do pid=$line; done
      # A server that a test has stopped takes the signal once it goes on.
      if [ -n "$pid" ]; then kill -${signal} "$pid"; kill -CONT "$pid"; fi
      i=0
      while [ -n "$pid" ] && kill -0 "$pid" && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
      rm -rf "$1" || { sleep 1; rm -rf "$1"; }`;
    this.#shell = spawn('sh', ['-c', script, 'sh', folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.#gone = new Promise((resolve) => void this.#shell.once('exit', () => resolve()));
    this.#shell.stdin.on('error', () => undefined);
    this.#shell.unref();
    (this.#shell.stdin as Writable & { unref?: () => void }).unref?.(); // a socket has it, says no type
  }

  /** The process to end; none with undefined. */
  watch(pid: number | undefined): void {
    this.#shell.stdin.write(`${pid ?? ''}\n`);
  }

  /** Ends the server and removes the folder now. */
  async sweep(): Promise<void> {
    this.#shell.ref();
    this.#shell.stdin.end();
    await this.#gone;
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string): number => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/** The state and the parent of a process or thread; undefined for one that has ended, and where there is no /proc. */
function statOf(path: string): { readonly state: string; readonly parent: number } | undefined {
  try {
    const stat = readFileSync(`${path}/stat`, 'utf8'); // pid (name) state parent ...
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** The processes that `parent` has started. */
function childrenOf(parent: number): number[] {
  const pids = existsSync('/proc') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return pids.filter((pid) => statOf(`/proc/${pid}`)?.parent === parent).map(Number);
}

/** Whether all threads of a process have stopped, or it has ended: a frozen parent does not bury its children. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return true;
  return readdirSync(tasks).every((thread) => /[TZX]/.test(statOf(join(tasks, thread))?.state ?? 'X'));
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended by itself
  }
}

/**
 * A port below those that the system hands out to clients: a connection that leaves while the server restarts never has
 * it.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => void probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
