import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createTask, sleep } from 'maitre';
import { ThreadExecutor } from 'maitre/executors';
import { copyRing, readRecording, Recorder, type Recording, type Trace, traceOf } from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { process, recordingOf, simulate } from './simulated-ring.js';

/**
 * Checks a trace against the Trace Event Format: the fields of each phase, names for all processes and
 * tracks, slices of one track that do not overlap in part, and arrows whose ends are in slices.
 */
function check({ traceEvents }: Trace): void {
  const named = new Set(
    traceEvents.filter(({ name }) => name === 'thread_name').map(({ pid, tid }) => `${pid}/${tid}`),
  );
  const tracks = new Map<string, { readonly begin: number; readonly end: number }[]>();
  for (const { ph, ts, dur, pid, tid, id, args, name } of traceEvents) {
    assert.ok(Number.isInteger(ts) && ts >= 0, `${name} at ${ts}`);
    assert.ok(Number.isInteger(pid) && Number.isInteger(tid) && name !== '');
    if (ph === 'M')
      assert.ok(['process_name', 'thread_name', 'thread_sort_index'].includes(name) && args !== undefined);
    else assert.ok(named.has(`${pid}/${tid}`), `track ${pid}/${tid} has no name`);
    if (ph !== 'X') continue;
    assert.ok(Number.isInteger(dur) && (dur ?? -1) >= 0 && id === undefined, `${name} of ${dur}`);
    const track = tracks.get(`${pid}/${tid}`) ?? [];
    tracks.set(`${pid}/${tid}`, [...track, { begin: ts, end: ts + (dur ?? 0) }]);
  }
  for (const [name, slices] of tracks) {
    const open: number[] = [];
    for (const { begin, end } of slices.toSorted((a, b) => a.begin - b.begin || b.end - a.end)) {
      while ((open.at(-1) ?? Infinity) <= begin) open.pop();
      assert.ok(end <= (open.at(-1) ?? Infinity), `slices of track ${name} overlap in part`);
      open.push(end);
    }
  }
  const arrows = new Map<number | undefined, string>();
  for (const { ph, id, pid, tid, ts, bp } of traceEvents) {
    if (ph === 'X' || ph === 'M') continue;
    arrows.set(id, `${arrows.get(id) ?? ''}${ph}`);
    assert.equal(bp, ph === 'f' ? 'e' : undefined);
    const track = tracks.get(`${pid}/${tid}`) ?? [];
    assert.ok(
      track.some(({ begin, end }) => begin <= ts && ts <= end),
      `an arrow ends outside of all slices, at ${ts} of ${pid}/${tid}`,
    );
  }
  for (const order of arrows.values()) assert.match(order, /^st?f$/);
}

test('a trace of whatever happened fits the format', () => {
  const happening = fc.record({
    client: fc.nat(100),
    idle: fc.nat(3000),
    ready: fc.nat(2000),
    work: fc.nat(5000),
    next: fc.nat(100),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(happening, { maxLength: 50 }),
      fc.boolean(),
      (n, all, full) => {
        const trace = traceOf(recordingOf(simulate(n, all, full)));
        check(trace);
        const visits = trace.traceEvents.filter(({ cat }) => cat === 'visit');
        assert.equal(visits.length, all.length);
      },
    ),
  );
});

test('an arrow leads from the visit that called a job to the job in its worker, and on to the visit after it', async () => {
  using recorder = new Recorder({ bytes: 2 ** 20 });
  recorder.setFull(true);
  recorder.start();
  {
    await using executor = new ThreadExecutor({ size: 1, name: 'kitchen' });
    await createTask(
      async () => {
        await executor.run(() => 1);
        await sleep(0);
      },
      { name: 'caller' },
    );
  }
  const read = readRecording(copyRing(recorder.buffer), recorder.notes(), { process, reason: 'request' });
  assert.equal(read.jobs.length, 1);
  const { queued, started, ended, table, worker, executor } = read.jobs[0] as Recording['jobs'][number]; // length 1
  assert.ok(queued !== null && started !== null && ended !== null && queued <= started && started <= ended);
  assert.deepEqual([read.tables[table ?? -1]?.name, worker], ['caller', 0]);
  assert.match(read.resources[executor]?.label ?? '', /kitchen/);
  const trace = traceOf(read);
  check(trace);
  const track = (table ?? -1) + 1;
  const arrows = trace.traceEvents.filter(({ ph }) => ['s', 't', 'f'].includes(ph));
  assert.deepEqual(
    arrows.map(({ ph, pid, tid }) => [ph, pid, tid]),
    [
      ['s', 1, track],
      ['t', 100 + executor, 1],
      ['f', 1, track],
    ],
  );
  const after = read.visits.find(({ from }) => from?.kind === 'executor.call');
  assert.equal(arrows[2]?.ts, Math.round(((after?.begin ?? 0) - read.from) * 1000));
});

test('a block is a slice of its own track, cut to the recording', () => {
  const read = recordingOf(simulate(1, [{ client: 0, idle: 0, ready: 0, work: 5000, next: 0 }]));
  const place = { file: '/srv/a.ts', line: 3, column: 1, function: 'crunch', text: 'a.ts:3' };
  const block = { id: 1, since: 0, ms: 3, over: true, thread: 0, task: 10, name: 'client 1', peer: null };
  const trace = traceOf({ ...read, blocks: [{ ...block, place, stack: ['crunch (/srv/a.ts:3:1)'], waiting: null }] });
  check(trace);
  const [slice] = trace.traceEvents.filter(({ cat }) => cat === 'block');
  assert.deepEqual([slice?.name, slice?.ts, slice?.dur], ['block in crunch', 0, 2000]);
});
