import assert from 'node:assert/strict';
import { placesOf } from '#src/distributed/machine-places.js';
import type { Machine, MachineJob } from '#src/distributed/remote-protocol.js';
import type { OpenJob } from '#src/distributed/open-job.js';
import { test } from '../support/test.js';

const machine = (pid: number, jobs: readonly MachineJob[], concurrency = 2): Machine => ({
  id: `id-${pid}`,
  host: 'vm',
  pid,
  concurrency,
  modules: [],
  since: pid,
  stopping: false,
  jobs,
});
const told = (id: string, attempt = 1): MachineJob => ({ id, name: `job ${id}`, attempt, since: 1_000_500 });
const own = (id: string, more: Partial<OpenJob> = {}): OpenJob =>
  ({
    id,
    attempt: 1,
    beganAt: 7,
    machine: undefined,
    job: { label: `own ${id}`, state: 'running' },
    ...more,
  }) as OpenJob; // no more than it reads
const shown = (machines: readonly Machine[], open: readonly OpenJob[]): string[] =>
  placesOf(machines, open, 1_000_000).map(
    (each) => `${each.machine ?? '?'} ${each.name ?? 'idle'} ${each.since ?? '-'} ${each.attempt ?? '-'}`,
  );

test('a machine has its own jobs, those of others, and idle places', () => {
  assert.deepEqual(shown([machine(1, [told('a'), told('b')], 3), machine(2, [])], [own('a')]), [
    'vm:1 own a 7 1',
    'vm:1 job b 500 1',
    'vm:1 idle - -',
    'vm:2 idle - -',
    'vm:2 idle - -',
  ]);
});

test('what Redis said of a job counts more than what machines told before', () => {
  const moved = own('a', { machine: 'vm:2', attempt: 2 });
  assert.deepEqual(shown([machine(1, [told('a')], 1), machine(2, [], 1)], [moved]), [
    'vm:1 idle - -',
    'vm:2 own a 7 2',
  ]);
  const newer = own('a', { attempt: 2 });
  assert.deepEqual(shown([machine(1, [told('a')], 1)], [newer]), ['vm:1 idle - -', '? own a 7 2']);
});

test('a job on a machine that is not in the list has a place too, and a queued one has none', () => {
  const queued = own('b', { job: { label: 'b', state: 'queued' } as OpenJob['job'] });
  assert.deepEqual(shown([], [own('a', { machine: 'vm:9' }), queued]), ['vm:9 own a 7 1']);
});
