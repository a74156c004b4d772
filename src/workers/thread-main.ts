// The program of a worker that is a thread.
import type { Socket } from 'node:net';
import { getHeapStatistics } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { beSupervised, installNodeHost } from '../hosts/node/index.ts';
import { installNodeSystem } from '../net/index.ts';
import type { Envelope } from './packed.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import { withBuffers } from './with-buffers.ts';
import { WorkerMain } from './worker-main.ts';

installNodeHost();
installNodeSystem();
beSupervised(false);

const main = new WorkerMain({
  takesUnix: false,
  send: (message, done) => {
    parentPort?.postMessage({ maitre: message } satisfies Envelope<FromWorker>, []);
    done?.();
  },
  memory: () => {
    const { total_heap_size: heap, external_memory: external } = getHeapStatistics();
    return heap + external;
  },
  exit: (code) => process.exit(code), // ends the thread alone
});
parentPort?.on('message', ({ socket, ...rest }: ToWorker & { readonly socket?: Socket }) => {
  const message: ToWorker = rest; // as it was before the socket was added
  if (message.type !== 'start') return main.receive(message, socket);
  const { start } = message;
  main.receive({ ...message, start: { ...start, server: withBuffers(start.server) } }, socket);
});
process.on('uncaughtExceptionMonitor', (error) => main.failed(error));
