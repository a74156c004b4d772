// The program of a thread of a ThreadExecutor.
import { parentPort, workerData } from 'node:worker_threads';
import { importModule, installNodeHost } from '../../hosts/node/index.ts';
import { serveJobs, type ToWorker } from '../index.ts';
import type { ThreadData } from './thread-executor.ts';

installNodeHost();

const port = parentPort;
if (port === null) throw new Error('Cannot serve jobs: this is a worker of a ThreadExecutor, not a program');
const { shared } = workerData as ThreadData; // made by the executor
const serve = serveJobs({
  cancelledJob: () => Atomics.load(shared, 0),
  post: (message, transfers) => port.postMessage(message, transfers as never[]), // as in thread-executor.ts
  load: importModule,
});
port.on('message', (message: ToWorker) => serve(message));
port.postMessage({ type: 'ready' });
