// Supervisor on workers that are not real, on a fake clock: its start, reloads, scaling, and its end.
import assert from 'node:assert/strict';
import { CancelledError, createTask, loopTime, moveOnAfter, run, sleep, type Task } from 'maitre';
import { allTasksBlocked } from 'maitre/testing';
import { ServeError } from 'maitre/workers';
import { fakeCrew, type FakeLeaf, ready } from '../support/fake-workers.js';
import { fakeTest, test } from '../support/test.js';

const nothing = (): void => undefined;
const started = (task: Task<unknown>): Promise<void> => {
  void task.catch(() => undefined);
  return allTasksBlocked();
};

// ---- start -----------------------------------------------------------------------------------------------------

fakeTest('Supervisor.start() resolves when all workers are ready, and not before', async () => {
  const { leaves, supervisor, deck, end } = fakeCrew({}, nothing);
  const starting = createTask(() => supervisor.start(2));
  await allTasksBlocked();
  leaves.get(1).ready();
  await allTasksBlocked();
  assert.equal(starting.done(), false);
  leaves.get(2).ready();
  await starting;
  assert.deepEqual([...deck.admitted], [1, 2]);
  await end();
});

fakeTest('Supervisor.start() rejects with what made a worker fail, and leaves nothing', async () => {
  const { leaves, supervisor, deck, log } = fakeCrew({}, (leaf) =>
    leaf.id === 1 ? leaf.ready() : leaf.fail('no soup'),
  );
  await assert.rejects(supervisor.start(2), (error) => {
    assert.ok(error instanceof ServeError);
    assert.equal(error.message, 'cannot serve app.js: no soup');
    assert.equal(error.step, 'load');
    return true;
  });
  assert.ok(leaves.made.every((leaf) => leaf.isGone));
  assert.ok(supervisor.closed && deck.isClosed);
  assert.deepEqual(log(), [
    '1 starting',
    '2 starting',
    '1 ready',
    '2 failed',
    '2 gone failed',
    '1 draining',
    '1 gone killed',
  ]);
});

fakeTest('Supervisor.start() rejects with the error of listening as the cause', async () => {
  const { supervisor, deck } = fakeCrew({}, (leaf) => leaf.events.onListen({ key: 1, options: {} }));
  const taken = Object.assign(new Error('listen EADDRINUSE: address already in use'), { code: 'EADDRINUSE' });
  deck.listenError = taken;
  await assert.rejects(supervisor.start(1), (error) => error instanceof ServeError && error.cause === taken);
});

fakeTest('Supervisor.start() rejects when a worker exits before it is ready', async () => {
  const { supervisor } = fakeCrew({}, (leaf) => leaf.gone(new Error('exit code 3')));
  await assert.rejects(supervisor.start(1), {
    message: 'cannot serve app.js: it ended before it was ready (exit code 3)',
  });
});

fakeTest('Supervisor.start() rejects when a worker cannot be made', async () => {
  const { supervisor, leaves } = fakeCrew();
  leaves.make = (): never => {
    throw new Error('EAGAIN');
  };
  await assert.rejects(supervisor.start(2), { message: 'cannot serve app.js: it could not be made: Error: EAGAIN' });
});

fakeTest('Supervisor.start() waits readyTimeout for a worker that hangs', async () => {
  const { supervisor, leaves } = fakeCrew({ readyTimeout: 700 }, nothing);
  const began = loopTime();
  await assert.rejects(supervisor.start(1), {
    message:
      'cannot serve app.js: it has not listened within 700 ms: it still loads, or has no default export and no server',
  });
  assert.equal(loopTime() - began, 700);
  assert.deepEqual(leaves.get(1).told, ['kill']);
});

fakeTest('Supervisor.start() says that ready() hangs, once the worker listens', async () => {
  const { supervisor } = fakeCrew({ readyTimeout: 700 }, (leaf) => leaf.events.onListen({ key: 1, options: {} }));
  await assert.rejects(supervisor.start(1), {
    message: 'cannot serve app.js: it listens, and was not ready within 700 ms',
  });
});

fakeTest('a cancelled start leaves no worker', async () => {
  const { supervisor, leaves, deck } = fakeCrew({}, (leaf) => leaf.id === 1 && leaf.ready());
  const starting = createTask(() => supervisor.start(3));
  await started(starting);
  starting.cancel();
  await assert.rejects(async () => starting, CancelledError);
  assert.ok(leaves.made.length === 3 && leaves.made.every((leaf) => leaf.isGone));
  assert.ok(deck.isClosed);
});

fakeTest('a shutdown during the start ends it', async () => {
  const { supervisor, leaves } = fakeCrew({}, nothing);
  const starting = createTask(() => supervisor.start(2));
  await started(starting);
  const report = await supervisor.shutdown();
  assert.deepEqual(
    report.workers.map(({ outcome }) => outcome),
    ['killed', 'killed'],
  );
  await assert.rejects(async () => starting, { name: 'InvalidStateError' });
  assert.equal(leaves.made.length, 2);
});

// ---- reload ----------------------------------------------------------------------------------------------------

fakeTest('Supervisor.reload() has a new worker ready before the old one drains', async () => {
  const { supervisor, leaves, deck, log, end } = fakeCrew({}, (leaf) => leaf.id <= 2 && leaf.ready());
  await supervisor.start(2);
  log();
  const reload = createTask(() => supervisor.reload());
  await allTasksBlocked();
  assert.deepEqual(log(), ['reload began', '3 starting']);
  assert.deepEqual([...deck.admitted], [1, 2]);
  leaves.get(3).ready();
  await allTasksBlocked();
  assert.deepEqual(log(), ['3 ready', '1 draining', '4 starting']);
  assert.deepEqual(leaves.get(1).orders, [{ grace: 10_000, reason: 'reload' }]);
  assert.deepEqual([...deck.admitted], [2, 3]);
  leaves.get(4).ready();
  const { ms, ...report } = await reload;
  assert.deepEqual(report, { state: 'done', generation: 2, replaced: 2 });
  assert.equal(typeof ms, 'number');
  assert.deepEqual(log(), ['4 ready', '2 draining', 'reload done']);
  await end();
});

fakeTest('a reload replaces one worker, then two at once, then four', async () => {
  const { supervisor, leaves, end } = fakeCrew({}, (leaf) => leaf.id <= 8 && leaf.ready());
  await supervisor.start(8);
  const reload = createTask(() => supervisor.reload());
  const counts: number[] = [];
  while (leaves.made.length < 16 || !reload.done()) {
    await allTasksBlocked();
    const starting = supervisor.workers.filter(({ state }) => state === 'starting');
    if (starting.length === 0) break;
    counts.push(starting.length);
    for (const { id } of starting) leaves.get(id).ready();
  }
  assert.deepEqual(counts, [1, 2, 4, 1]);
  await reload;
  await end();
});

fakeTest('a reload whose first worker fails leaves the old ones serving, and says why', async () => {
  const { supervisor, deck, events, log, end } = fakeCrew({}, (leaf) =>
    leaf.id <= 2 ? leaf.ready() : leaf.fail('line 3'),
  );
  await supervisor.start(2);
  log();
  const { state, failure, place, replaced } = await supervisor.reload();
  assert.deepEqual(
    { state, place, replaced, failure },
    { state: 'failed', place: 1, replaced: 0, failure: { step: 'load', message: 'line 3' } },
  );
  assert.deepEqual(log(), ['reload began', '3 starting', '3 failed', '3 gone failed', 'reload failed']);
  const told = events.find((event) => event.event === 'reload' && event.state === 'failed');
  assert.equal(told?.event === 'reload' && told.reason, 'the new worker at place 1 failed: line 3');
  assert.deepEqual([...deck.admitted], [1, 2]);
  await sleep(100_000); // nothing else is tried
  assert.equal(supervisor.statistics().started, 3);
  await end();
});

fakeTest('the reload after a failed one tries again', async () => {
  const { supervisor, deck, end } = fakeCrew({}, (leaf) => (leaf.id === 3 ? leaf.fail('typo') : leaf.ready()));
  await supervisor.start(2);
  assert.equal((await supervisor.reload()).state, 'failed');
  assert.equal((await supervisor.reload()).state, 'done');
  assert.deepEqual([...deck.admitted], [4, 5]);
  await end();
});

fakeTest('a reload whose worker exits or hangs leaves the old ones serving', async () => {
  const { supervisor, deck, end } = fakeCrew({ readyTimeout: 500 }, (leaf) => {
    if (leaf.id <= 2) leaf.ready();
    else if (leaf.id === 3) leaf.gone(new Error('exit code 0'));
  });
  await supervisor.start(2);
  assert.equal((await supervisor.reload()).failure?.message, 'it ended before it was ready (exit code 0)');
  const began = loopTime();
  assert.equal(
    (await supervisor.reload()).failure?.message,
    'it has not listened within 500 ms: it still loads, or has no default export and no server',
  );
  assert.ok(loopTime() - began >= 500);
  assert.deepEqual([...deck.admitted], [1, 2]);
  await end();
});

fakeTest('reloads that are asked for during a reload become one, which begins after it', async () => {
  const { supervisor, leaves, end, log } = fakeCrew({}, (leaf) => leaf.id !== 2 && leaf.ready());
  await supervisor.start(1);
  log();
  const first = createTask(() => supervisor.reload());
  await allTasksBlocked();
  const more = [1, 2, 3].map(() => createTask(() => supervisor.reload()));
  await allTasksBlocked();
  assert.deepEqual(log(), ['reload began', '2 starting']);
  leaves.get(2).ready();
  assert.equal((await first).generation, 2);
  const reports = await Promise.all(more);
  assert.deepEqual(
    reports.map(({ generation }) => generation),
    [3, 3, 3],
  );
  assert.equal(leaves.made.length, 3);
  await end();
});

fakeTest('a reload stops when the last who waits for it is cancelled', async () => {
  const { supervisor, leaves, deck, end, log } = fakeCrew({}, (leaf) => leaf.id <= 2 && leaf.ready());
  await supervisor.start(2);
  log();
  const reload = createTask(() => supervisor.reload());
  await started(reload);
  reload.cancel();
  await allTasksBlocked();
  assert.ok(leaves.get(3).isGone);
  assert.deepEqual(log(), ['reload began', '3 starting', '3 gone killed', 'reload skipped']);
  assert.equal(supervisor.statistics().lost, 0); // it was not wanted any more
  assert.deepEqual([...deck.admitted], [1, 2]);
  await end();
});

fakeTest('a reload that is cancelled before it begins does not begin', async () => {
  const { supervisor, leaves, end, log } = fakeCrew({}, (leaf) => leaf.id === 1 && leaf.ready());
  await supervisor.start(1);
  const first = createTask(() => supervisor.reload());
  await allTasksBlocked();
  const second = createTask(() => supervisor.reload());
  await started(second);
  second.cancel();
  await allTasksBlocked();
  leaves.get(2).ready();
  await first;
  await allTasksBlocked();
  assert.deepEqual(
    log().filter((line) => line.startsWith('reload')),
    ['reload began', 'reload done'],
  );
  await end();
});

fakeTest('a worker that crashes during a reload is replaced by the new one, and by no other', async () => {
  const { supervisor, leaves, end, deck } = fakeCrew({}, (leaf) => leaf.id === 1 && leaf.ready());
  await supervisor.start(1);
  const reload = createTask(() => supervisor.reload());
  await allTasksBlocked();
  leaves.get(1).gone(new Error('crash'));
  await sleep(5000);
  assert.equal(leaves.made.length, 2);
  leaves.get(2).ready();
  assert.equal((await reload).state, 'done');
  assert.deepEqual([...deck.admitted], [2]);
  await end();
});

fakeTest('when the old worker crashes and the new one fails, the place is tried again', async () => {
  const { supervisor, leaves, end, deck } = fakeCrew({}, (leaf) => leaf.id !== 2 && leaf.ready());
  await supervisor.start(1);
  const reload = createTask(() => supervisor.reload());
  await allTasksBlocked();
  leaves.get(1).gone(new Error('crash'));
  leaves.get(2).fail('typo');
  assert.equal((await reload).state, 'failed');
  await sleep(1000);
  assert.deepEqual([...deck.admitted], [3]);
  await end();
});

fakeTest('a shutdown during a reload ends it as skipped', async () => {
  const { supervisor, leaves, deck } = fakeCrew({}, (leaf) => leaf.id <= 2 && leaf.ready());
  await supervisor.start(2);
  const reload = createTask(() => supervisor.reload());
  const next = createTask(() => supervisor.reload().then(() => supervisor.reload()));
  await started(next);
  const ending = createTask(() => supervisor.shutdown());
  await allTasksBlocked();
  assert.equal((await reload).state, 'skipped');
  assert.equal(leaves.get(3).told[0], 'kill');
  leaves.get(1).drained();
  leaves.get(2).drained();
  assert.equal((await ending).workers.length, 3);
  await assert.rejects(async () => next, { name: 'InvalidStateError' });
  assert.equal(deck.admitted.size, 0);
});

fakeTest('reload, scale and serveForever reject once the supervisor is closed', async () => {
  const { supervisor, end } = fakeCrew({ name: 'soup' });
  await supervisor.start(1);
  await end();
  await assert.rejects(supervisor.reload(), {
    name: 'InvalidStateError',
    message: 'Cannot reload supervisor "soup": it is closed',
  });
  await assert.rejects(supervisor.scale(2), { name: 'InvalidStateError' });
  await assert.rejects(supervisor.serveForever(), { name: 'InvalidStateError' });
});

// ---- scale -----------------------------------------------------------------------------------------------------

fakeTest('Supervisor.scale() starts workers at the end, and drains the last', async () => {
  const { supervisor, leaves, deck, end } = fakeCrew();
  await supervisor.start(2);
  await supervisor.scale(4);
  assert.deepEqual([...deck.admitted], [1, 2, 3, 4]);
  await supervisor.scale(1);
  assert.deepEqual([...deck.admitted], [1]);
  assert.deepEqual(leaves.get(4).told, ['drain']);
  assert.equal(supervisor.size, 1);
  leaves.get(4).drained();
  assert.deepEqual(
    supervisor.workers.map(({ id, state }) => `${id} ${state}`),
    ['1 ready', '2 draining', '3 draining'],
  );
  await end();
});

fakeTest('Supervisor.scale() rejects when a new worker fails, and keeps what is ready', async () => {
  const { supervisor, deck, end } = fakeCrew({}, (leaf) => (leaf.id === 4 ? leaf.fail('no memory') : leaf.ready()));
  await supervisor.start(2);
  await assert.rejects(supervisor.scale(5), { message: 'cannot scale app.js: no memory' });
  assert.deepEqual([...deck.admitted], [1, 2, 3]);
  assert.equal(supervisor.size, 3);
  await end();
});

fakeTest('of several scales at once the last number counts, also during a reload', async () => {
  const { supervisor, leaves, deck, end } = fakeCrew({}, (leaf) => leaf.id !== 3 && leaf.ready());
  await supervisor.start(2);
  const reload = createTask(() => supervisor.reload());
  await allTasksBlocked();
  const scales = [5, 1, 3].map((count) => createTask(() => supervisor.scale(count)));
  await allTasksBlocked();
  assert.equal(supervisor.size, 3);
  assert.equal(leaves.made.length, 3); // the reload goes on first
  leaves.get(3).ready();
  await Promise.all(scales);
  await reload;
  assert.equal(deck.admitted.size, 3);
  await end();
});

fakeTest('a scale that a shutdown overtakes rejects', async () => {
  const { supervisor, leaves } = fakeCrew({}, (leaf) => leaf.id === 1 && leaf.ready());
  await supervisor.start(1);
  const scale = createTask(() => supervisor.scale(3));
  await started(scale);
  const ending = createTask(() => supervisor.shutdown());
  await allTasksBlocked();
  leaves.get(1).drained();
  await ending;
  await assert.rejects(async () => scale, { name: 'InvalidStateError' });
});

fakeTest('Supervisor.scale() refuses what is no number of workers', async () => {
  const { supervisor, end } = fakeCrew();
  await supervisor.start(1);
  await assert.rejects(supervisor.scale(0), RangeError);
  await assert.rejects(supervisor.scale('2' as unknown as number), TypeError);
  await end();
});

// ---- the end ---------------------------------------------------------------------------------------------------

fakeTest('Supervisor.shutdown() drains all workers at once, and reports how each ended', async () => {
  const { supervisor, leaves, deck } = fakeCrew();
  await supervisor.start(3);
  const began = loopTime();
  const ending = createTask(() => supervisor.shutdown({ grace: 1000 }));
  await allTasksBlocked();
  assert.ok(deck.isClosed);
  assert.deepEqual(
    leaves.made.map(({ orders }) => orders),
    [1, 2, 3].map(() => [{ grace: 1000, reason: 'shutdown' }]),
  );
  leaves.get(1).drained({ finished: 3, cancelled: 1 });
  deck.clients.set(2, 5);
  leaves.get(2).gone(new Error('signal SIGSEGV'));
  deck.clients.set(3, 7); // and 3 hangs
  const report = await ending;
  assert.equal(loopTime() - began, 6000);
  assert.deepEqual(
    report.workers.map(({ worker, outcome, lost, reason }) => ({ worker, outcome, lost, reason })),
    [
      { worker: 1, outcome: 'drained', lost: 0, reason: undefined },
      { worker: 2, outcome: 'crashed', lost: 5, reason: 'signal SIGSEGV' },
      { worker: 3, outcome: 'killed', lost: 7, reason: 'it had not ended 5000 ms after its grace of 1000 ms' },
    ],
  );
  const { finished, cancelled, aborted, lost } = report;
  assert.deepEqual({ finished, cancelled, aborted, lost }, { finished: 3, cancelled: 1, aborted: 0, lost: 12 });
});

fakeTest('Supervisor.shutdown() ends also when a killed worker stays', async () => {
  const { supervisor, leaves, log } = fakeCrew();
  await supervisor.start(1);
  leaves.get(1).isUndead = true;
  log();
  const began = loopTime();
  const { workers } = await supervisor.shutdown({ grace: 0 });
  assert.equal(workers[0]?.outcome, 'stuck');
  assert.equal(loopTime() - began, 10_000);
  assert.deepEqual(log(), ['1 draining', '1 gone stuck']);
  leaves.get(1).gone(); // late, and ignored
  assert.deepEqual(log(), []);
});

fakeTest('a second shutdown makes the grace shorter, and not longer', async () => {
  const { supervisor, leaves } = fakeCrew();
  await supervisor.start(1);
  const began = loopTime();
  const first = createTask(() => supervisor.shutdown({ grace: 60_000 }));
  await sleep(1000);
  const second = createTask(() => supervisor.shutdown({ grace: 500 }));
  await allTasksBlocked();
  void createTask(() => supervisor.shutdown({ grace: 100_000 }));
  const reports = [await first, await second];
  assert.equal(loopTime() - began, 1000 + 500 + 5000);
  assert.deepEqual(reports[0], reports[1]);
  assert.deepEqual(
    leaves.get(1).orders.map(({ grace }) => grace),
    [60_000, 500],
  );
});

fakeTest('a cancelled shutdown kills all workers at once', async () => {
  const { supervisor, leaves } = fakeCrew();
  await supervisor.start(2);
  const began = loopTime();
  const result = await moveOnAfter(10, () => supervisor.shutdown({ grace: 60_000 }));
  assert.equal(result, undefined);
  assert.equal(loopTime() - began, 10);
  assert.ok(leaves.made.every((leaf) => leaf.isGone));
});

fakeTest('a worker that drains from a reload is part of the shutdown, and of its report', async () => {
  const { supervisor, leaves } = fakeCrew();
  await supervisor.start(1);
  await supervisor.reload();
  const ending = createTask(() => supervisor.shutdown({ grace: 50 }));
  await allTasksBlocked();
  assert.deepEqual(
    leaves.get(1).orders.map(({ grace }) => grace),
    [10_000, 50],
  );
  leaves.get(2).drained({ finished: 1 });
  leaves.get(1).drained({ aborted: 1 });
  const { finished, aborted, workers } = await ending;
  assert.deepEqual([finished, aborted, workers.length], [1, 1, 2]);
});

fakeTest('a worker that does not exit after it drained is ended, and counts as drained', async () => {
  const { supervisor, leaves } = fakeCrew();
  await supervisor.start(1);
  const ending = createTask(() => supervisor.shutdown({ grace: 60_000 }));
  await allTasksBlocked();
  leaves.get(1).events.onDrained({ finished: 1, cancelled: 0, aborted: 0 });
  const began = loopTime();
  assert.equal((await ending).workers[0]?.outcome, 'drained');
  assert.equal(loopTime() - began, 3000);
});

fakeTest('Supervisor.serveForever() shuts down when its task is cancelled', async () => {
  const { supervisor, leaves } = fakeCrew({ grace: 1234 });
  await supervisor.start(1);
  const serving = createTask(() => supervisor.serveForever());
  await started(serving);
  serving.cancel();
  await allTasksBlocked();
  assert.deepEqual(leaves.get(1).orders, [{ grace: 1234, reason: 'shutdown' }]);
  leaves.get(1).drained();
  await assert.rejects(async () => serving, CancelledError);
  assert.ok(supervisor.closed);
});

fakeTest('Supervisor.serveForever() rejects when the supervisor is shut down elsewhere', async () => {
  const { supervisor, end } = fakeCrew();
  await supervisor.start(1);
  const serving = createTask(() => supervisor.serveForever());
  await started(serving);
  await assert.rejects(supervisor.serveForever(), { message: /serveForever\(\) is running already/ });
  await end();
  await assert.rejects(async () => serving, { message: 'Cancelled: the supervisor was shut down' });
});

test('the end of run() ends a supervisor that was left open', async () => {
  const crew = fakeCrew({}, ready);
  crew.leaves.onMake = (leaf: FakeLeaf): void => {
    leaf.ready();
    leaf.drain = (): void => leaf.drained();
  };
  await run(async () => {
    await crew.supervisor.start(2);
    const ending = crew.supervisor.shutdown();
    await ending;
  });
  assert.ok(crew.leaves.made.every((leaf) => leaf.isGone));
});

// ---- events and views ------------------------------------------------------------------------------------------

fakeTest('a listener that throws is reported, and changes nothing', async () => {
  const errors: unknown[] = [];
  const { setExceptionHandler } = await import('maitre');
  using _ = setExceptionHandler(({ error }) => errors.push(error));
  const oops = new Error('oops');
  const { supervisor, end } = fakeCrew({
    onEvent: () => {
      throw oops;
    },
  });
  await supervisor.start(2);
  await supervisor.reload();
  await end();
  assert.ok(errors.length > 4 && errors.every((error) => error === oops));
});

for (const state of ['starting', 'ready', 'draining', 'gone'] as const) {
  fakeTest(`a listener may shut down when a worker is ${state}`, async () => {
    const crew = fakeCrew({
      onEvent: (event) => {
        if (event.event === 'worker' && event.state === state) void crew.supervisor.shutdown({ grace: 0 });
      },
    });
    await crew.supervisor.start(2).catch(() => undefined);
    if (!crew.supervisor.closed) await crew.supervisor.reload();
    for (const leaf of crew.leaves.made) leaf.gone();
    await crew.supervisor.shutdown();
    assert.ok(crew.leaves.made.every((leaf) => leaf.isGone));
  });
}

fakeTest('what workers serve is passed on with their numbers', async () => {
  const { supervisor, leaves, events, end } = fakeCrew();
  await supervisor.start(2);
  leaves.get(2).events.onEvent({ event: 'stopping', clients: 1, grace: 5 });
  assert.deepEqual(events.at(-1), { event: 'stopping', clients: 1, grace: 5, worker: 2, place: 2, generation: 1 });
  await end();
});

fakeTest('a supervisor describes itself', async () => {
  const { supervisor, leaves, deck, end } = fakeCrew({ name: 'soup' });
  await supervisor.start(2);
  deck.clients.set(1, 3);
  leaves.get(1).pulse(4096);
  assert.equal(String(supervisor), '<Supervisor "soup" serving 127.0.0.1:8002, 2 of 2 workers, 3 connections>');
  assert.equal(supervisor.port, 8002);
  const { since, ...row } = supervisor.workers[0] ?? { since: 0 };
  assert.equal(typeof since, 'number');
  assert.deepEqual(row, {
    id: 1,
    place: 1,
    generation: 1,
    process: 'p1',
    state: 'ready',
    connections: 3,
    memory: 4096,
  });
  await end();
  assert.throws(() => supervisor.port, { message: /it is closed/ });
});
