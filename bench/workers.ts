// The server of the benchmark of workers, and what its workers load: an echo with some work for each request. The first
// argument: `one` for one process without workers, or `threads` or `processes` for two workers.
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { run, startServer, type StreamReader, type StreamWriter } from 'maitre';
import { isWorker, serveWorkers } from 'maitre/workers';

/**
 * Hashing it takes about 60 microseconds of CPU time on a core of 3 GHz that has instructions for it. Native code: a loop
 * in JavaScript takes three times as long in some handlers as in others, by the tier of V8's compilers that it ends in.
 */
const WORK = Buffer.alloc(104 * 1024);

/** Returns 32 bytes, which nobody can know without the work. */
function work(data: Uint8Array): Buffer {
  return createHash('sha256').update(WORK).update(data).digest();
}

export default async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    const data = await reader.read(65536);
    if (data.length === 0) return;
    if (work(data).length === 0) return;
    writer.write(data);
    await writer.drain();
  }
}

const host = '127.0.0.1';
const kind = process.argv[2];
if (!isWorker && (kind === 'threads' || kind === 'processes')) {
  await run(async () => {
    await using supervisor = await serveWorkers(fileURLToPath(import.meta.url), { host, workers: 2, isolate: kind });
    console.log(`PORT ${supervisor.port}`);
    await supervisor.serveForever();
  });
} else if (!isWorker) {
  await run(async () => {
    await using server = await startServer(echo, { host });
    console.log(`PORT ${server.port}`);
    await server.serveForever();
  });
}
