// The program of a process of a ProcessExecutor.
//
// It ends with the program that started it: when the channel closes. Synchronous code may never
// notice that, so a thread also watches for a change of the parent process.
import { readSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { importModule, installNodeHost } from '../../hosts/node/index.ts';
import { JobServer, packError, type ToWorker } from '../index.ts';
import { CANCELLED_FD } from './process-executor.ts';
import { checkSendable } from './sendable.ts';

installNodeHost();

const WATCH = `
const parent = process.ppid;
const never = new Int32Array(new SharedArrayBuffer(4));
while (process.ppid === parent) Atomics.wait(never, 0, 0, 250);
process.kill(process.pid, 'SIGKILL');
`;

const word = new Uint8Array(4);
const server = new JobServer({
  cancelledJob: () => {
    readSync(CANCELLED_FD, word, 0, 4, 0);
    const [a = 0, b = 0, c = 0, d = 0] = word;
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
  },
  post(message) {
    checkSendable(message);
    process.send?.(message);
  },
  take: () => true, // nothing is offered
  load: importModule,
});
process.on('message', (message) => server.receive(message as ToWorker)); // the executor follows the protocol
process.on('disconnect', () => process.exit());
// Replaces the report on standard error: the caller of the job receives the error as the cause.
process.on('uncaughtException', (error) => {
  process.send?.({ type: 'fatal', error: packError(error) }, () => process.exit(1));
});
if (process.platform !== 'win32') new Worker(WATCH, { eval: true }).unref();
process.send?.({ type: 'ready' });
