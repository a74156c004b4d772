// The server processes of scripts/abuse.mjs: started, watched from outside, and gone with it.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from './setup.mjs';

/** What runs; all of it ends with this process. */
const running = new Set();
process.on('exit', killAll);

export function killAll() {
  for (const child of running) child.kill('SIGKILL');
}

export function track(child) {
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

/** Starts a server as a process, and waits until it serves. */
export async function startServer(role, options = {}) {
  const { flags = [], env = {}, limit, listening = /^ports ([\d ]+)$/m } = options;
  const args = options.args ?? [...flags, join(root, 'scripts/abuse-server.mjs'), role];
  const [command, ...rest] =
    limit === undefined
      ? [process.execPath, ...args]
      : ['sh', '-c', `ulimit -n ${limit}; exec "$0" "$@"`, process.execPath, ...args];
  const child = track(spawn(command, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }));
  const server = new ServerProcess(child);
  const [, ports] = await server.prints(listening);
  server.ports = ports.split(' ').map(Number);
  return server;
}

class ServerProcess {
  stdout = '';
  stderr = '';
  ports = [];

  constructor(child) {
    this.child = child;
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (this[name] += text));
    this.ended = new Promise((resolve) => child.on('close', resolve));
  }

  async prints(pattern) {
    for (const until = performance.now() + 10_000; performance.now() < until; await delay(10)) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      if (this.child.exitCode !== null) throw new Error(`the server ended: ${this.lastError()}`);
    }
    throw new Error('the server did not begin to serve');
  }

  /** Whether it runs, and would have the time to fall: a turn of its loop has passed. */
  async lives() {
    await delay(100);
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Bytes, by the system: VmRSS now, VmHWM at most. */
  memory(name) {
    try {
      const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
      return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
    } catch {
      return NaN; // it has ended
    }
  }

  lastError() {
    return /^.*(?:Error|FATAL ERROR).*$/m.exec(this.stderr)?.[0] ?? this.stderr.slice(0, 200);
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
