import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { copyRing, EVENT, type RingEvent, RingWriter } from '#src/introspect/ring.js';
import { test } from '../support/test.js';

function eventsOf(buffer: SharedArrayBuffer | ArrayBuffer): RingEvent[] {
  const events: RingEvent[] = [];
  copyRing(buffer).forEach((event) => events.push({ ...event }));
  return events;
}

/** Writes `count` events, the n-th with n as its task. */
function write(ring: RingWriter, count: number): void {
  for (let n = 0; n < count; n++) ring.write(EVENT.taskEnded, n / 2, 0, 0, 0, n, 0, 0, 0, 0);
}

test('every field of an event comes back as it was written, the largest values too', () => {
  const ring = new RingWriter(4096);
  const most = 0xff_ff_ff_ff;
  ring.write(EVENT.waitEnded, 1234.5678, 2, 255, 254, most, most - 1, most - 2, most - 3, most - 4);
  ring.detail = true;
  ring.write(EVENT.step, -1, 0, 0, 0, 0, 0, 0, 0, 0);
  const zero = { flags: 0, waitKind: 0, resourceKind: 0, task: 0, wait: 0, resource: 0, a: 0, b: 0 };
  assert.deepEqual(eventsOf(ring.buffer), [
    {
      kind: EVENT.waitEnded,
      flags: 2,
      detail: false,
      waitKind: 255,
      resourceKind: 254,
      time: 1234.5678,
      task: most,
      wait: most - 1,
      resource: most - 2,
      a: most - 3,
      b: most - 4,
    },
    { ...zero, kind: EVENT.step, detail: true, time: -1 },
  ]);
});

test('the size is rounded down to a power of two of events; 8 MiB are 262,144 of them', () => {
  assert.deepEqual(
    [0, 64 * 32, 64 * 32 + 1, 128 * 32 - 1, 128 * 32, 8 * 2 ** 20].map((bytes) => new RingWriter(bytes).capacity),
    [64, 64, 64, 64, 128, 262_144],
  );
});

test('a full ring has the latest events in order, and says how many came before', () => {
  for (const count of [0, 1, 63, 64, 65, 200]) {
    const ring = new RingWriter(2048);
    write(ring, count);
    const copy = copyRing(ring.buffer);
    // One less than its capacity: the writer may be at work on the slot of the oldest.
    const lost = count < 64 ? 0 : count - 63;
    assert.deepEqual([copy.lost, copy.size], [lost, count - lost], `${count} events`);
    assert.deepEqual(
      eventsOf(ring.buffer).map(({ task }) => task),
      Array.from({ length: count - lost }, (_, i) => lost + i),
    );
  }
});

test('a copy does not change when the writer goes on', () => {
  const ring = new RingWriter(2048);
  write(ring, 10);
  const copy = copyRing(ring.buffer);
  write(ring, 1000);
  const tasks: number[] = [];
  copy.forEach(({ task }) => tasks.push(task));
  assert.deepEqual(tasks, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('what is not the buffer of a ring is a TypeError', () => {
  assert.throws(() => copyRing(new ArrayBuffer(1024)), { name: 'TypeError', message: /this is not the buffer of one/ });
});

test('a copy made while another thread writes has whole events only, without a gap', async () => {
  const worker = new Worker(new URL('fixtures/ring-writer.worker.js', import.meta.url));
  const [[buffer, words]] = (await once(worker, 'message')) as [[SharedArrayBuffer, Int32Array]]; // it sends nothing else
  const capacity = 2 ** 15;
  const bad: RingEvent[] = [];
  let overtaken = 0;
  for (const until = performance.now() + 10_000; performance.now() < until && overtaken < 10;) {
    const written = Atomics.load(words, 1);
    Atomics.store(words, 0, written + capacity / 2);
    Atomics.notify(words, 0);
    const copy = copyRing(buffer);
    if (Atomics.load(words, 1) > written && written > capacity) overtaken++;
    assert.ok(copy.size >= Math.min(written, capacity / 2 - 1), `${copy.size} events after ${written}`);
    let next: number | undefined;
    copy.forEach((event) => {
      const { time, task, wait, resource, a, b } = event;
      const isWhole = time === a && task === a && wait === a && resource === a && b === a;
      if (!isWhole || (next !== undefined && task !== next)) bad.push({ ...event });
      next = task + 1;
    });
  }
  await worker.terminate();
  assert.deepEqual(bad.slice(0, 3), []);
  assert.ok(overtaken > 0, 'the writer wrote during no copy');
});

test('a worker reads the ring while the main thread is blocked', async () => {
  const ring = new RingWriter(2048);
  write(ring, 5);
  const done = new SharedArrayBuffer(12);
  const words = new Int32Array(done);
  const worker = new Worker(new URL('fixtures/ring-reader.worker.js', import.meta.url), {
    workerData: { ring: ring.buffer, done },
  });
  const exited = once(worker, 'exit');
  await once(worker, 'online');
  assert.notEqual(Atomics.wait(words, 0, 0, 10_000), 'timed-out');
  assert.deepEqual([words[1], words[2]], [5, 4]);
  await worker.terminate(); // Deno's stay
  await exited;
});
