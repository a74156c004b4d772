// A recording against the truth: what handlers worked, in that order and as long. Only work moves the clock here.
import { burn } from '../support/steady-clock.js';
import assert from 'node:assert/strict';
import { gather, openConnection, sleep, startServer } from 'maitre';
import { copyRing, readRecording, Recorder } from '#src/introspect/index.js';
import { isNode } from '../net/sockets.js';
import { test } from '../support/test.js';

const process = { pid: 1, runtime: 'test', file: '', epoch: 0, uptime: 0, rss: null, heapUsed: null };

const inner = async (ms: number): Promise<void> => {
  await Promise.resolve();
  burn(ms);
};
const nested = async (ms: number): Promise<void> => {
  await inner(ms);
};

/**
 * Serves three clients, at once or one after the other, each of which costs 3, 6 and 9 ms. Returns what was worked, in
 * order.
 */
async function serveThree(second: (ms: number) => Promise<void> | void, atOnce: boolean): Promise<number[]> {
  const worked: number[] = [];
  const work = (ms: number): void => {
    worked.push(ms);
    burn(ms);
  };
  await using server = await startServer(
    async (reader, writer) => {
      for await (const line of reader.lines()) {
        work(3);
        await sleep(0);
        worked.push(6);
        await second(6);
        await sleep(0);
        work(9);
        writer.write(`${line}\n`);
      }
    },
    { host: '127.0.0.1' },
  );
  const client = async (): Promise<void> => {
    await using connection = await openConnection({ host: '127.0.0.1', port: server.port });
    connection.writer.write('order\n');
    await connection.reader.readLine();
  };
  if (atOnce) await gather([client, client, client]);
  else for (let i = 0; i < 3; i++) await client();
  return worked;
}

for (const isFull of [true, false]) {
  test(`what handlers worked is in the recording, in that order and within 5 %, ${isFull ? 'at full detail' : 'sampled'}`, async () => {
    using recorder = new Recorder({ bytes: 2 ** 20 });
    recorder.setFull(isFull);
    recorder.start();
    // Sampled, the code of two tasks that go on in one turn is not told apart where the host interleaves it: in nested
    // functions, and on Bun and Deno.
    const worked = await serveThree(isFull ? nested : burn, isFull || isNode);
    const notes = JSON.parse(JSON.stringify(recorder.notes())) as ReturnType<Recorder['notes']>;
    const recording = readRecording(copyRing(recorder.buffer), notes, { process, reason: 'request' });
    assert.equal(recording.full, isFull);
    const long = recording.visits.filter(({ table, ms }) => recording.tables[table]?.what === 'client' && ms > 2.5);
    if (isFull) assert.ok(long.every(({ exact }) => exact));
    assert.equal(long.length, worked.length);
    for (const [i, work] of worked.entries()) {
      const ms = long[i]?.ms ?? 0;
      assert.ok(Math.abs(ms - work) <= 0.05 * work, `visit ${i} took ${ms} ms, in truth ${work}`);
    }
  });
}
