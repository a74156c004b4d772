// Runs other programs for the scripts: with their output kept, with a time limit, a few at once.

import { spawn } from 'node:child_process';
import { root } from './setup.mjs';

/**
 * Runs a program to its end and keeps what it prints. Past `timeout` ms it is killed, and the output says so.
 * Never rejects: a program that cannot be started has exit code 127, as in a shell.
 */
export function capture(command, args, { timeout = 300_000, env = {} } = {}) {
  const start = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    const timer = setTimeout(() => {
      output += `\nKilled: still running after ${timeout / 1000} s\n`;
      child.kill('SIGKILL');
      // Its own children may live on and hold these pipes open; 'close' must not wait for them.
      child.stdout.destroy();
      child.stderr.destroy();
    }, timeout);
    const finish = (code) => {
      clearTimeout(timer);
      resolve({ code, output, seconds: (performance.now() - start) / 1000 });
    };
    child.on('error', (error) => {
      output += `${error.message}\n`;
      finish(127);
    });
    child.on('close', (code) => finish(code ?? 1));
  });
}

/** Calls `fn` on every item, at most `limit` at once; resolves to the results in the order of the items. */
export async function mapAtMost(limit, items, fn) {
  const results = [];
  const queue = items.entries();
  // All workers draw from one iterator, so each item goes to one of them.
  const work = async () => {
    for (const [index, item] of queue) results[index] = await fn(item);
  };
  await Promise.all(Array.from({ length: limit }, work));
  return results;
}
