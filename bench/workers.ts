// The server of the benchmark of workers, and what its workers load: an echo with some work for each request. The first
// argument: `one` for one process without workers, or `threads` or `processes` for two workers.
import { fileURLToPath } from 'node:url';
import { run, startServer, type StreamReader, type StreamWriter } from 'maitre';
import { isWorker, serveWorkers } from 'maitre/workers';

/** About 60 microseconds on a core of 3 GHz. In CPU time: a core that is taken away makes it longer. */
const STEPS = 55_000;

/** Returns an integer, which nobody can know without the work. */
function work(seed: number): number {
  let value = seed;
  for (let i = 0; i < STEPS; i++) value = (Math.imul(value, 31) + i) | 0;
  return value;
}

export default async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    const data = await reader.read(65536);
    if (data.length === 0) return;
    if (work(data[0] ?? 0) === 0.5) return;
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
