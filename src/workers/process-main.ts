// The program of a worker that is a process. It ends with its supervisor: when the channel closes.
// Synchronous code may never notice that, so a thread also watches whether it still is its parent. The
// supervisor says who it is: it could have gone before the thread looks for the first time.
import { Worker } from 'node:worker_threads';
import { beSupervised, installNodeHost } from '../hosts/node/index.ts';
import { installNodeSystem } from '../net/index.ts';
import { type Envelope, pack, unpack } from './packed.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import { WorkerMain } from './worker-main.ts';

installNodeHost();
installNodeSystem();
beSupervised(true);

const WATCH = `
const { workerData: supervisor } = require('node:worker_threads');
const never = new Int32Array(new SharedArrayBuffer(4));
while (process.ppid === supervisor) Atomics.wait(never, 0, 0, 250);
process.kill(-process.pid, 'SIGKILL');
`;

let resident = 0;

/** Undefined while the process has no descriptor left: the system is asked through one. */
function residentNow(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

const send = (message: FromWorker, done?: () => void): void => {
  if (process.connected) process.send?.({ maitre: pack(message) } satisfies Envelope<unknown>, () => done?.());
};
const main = new WorkerMain({
  takesUnix: true,
  send,
  memory: () => (resident = residentNow() ?? resident),
  exit: (code) => process.exit(code),
});
process.on('message', (message, handle) => main.receive(unpack(message) as ToWorker, handle as object | undefined)); // the supervisor follows the protocol
process.on('disconnect', () => {
  process.on('exit', () => process.kill(-process.pid, 'SIGKILL')); // and what it has started
  process.exit();
});
process.on('uncaughtExceptionMonitor', (error) => main.failed(error));
if (process.platform !== 'win32') {
  new Worker(WATCH, { eval: true, execArgv: [], workerData: Number(process.env['MAITRE_SUPERVISOR']) }).unref();
}
delete process.env['MAITRE_SUPERVISOR']; // what FILE starts has other parents
