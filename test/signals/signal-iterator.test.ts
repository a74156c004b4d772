import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Resource } from 'maitre/lowlevel';
import { CancelledError, createTask, moveOnAfter, TaskGroup } from 'maitre';
import { signals } from 'maitre/signals';
import { cancelAtEveryStep } from '../support/explore.js';
import { isDeno } from '../net/sockets.js';
import { Program } from '../support/program.js';
import { nextTurn, test } from '../support/test.js';

/** A signal comes, as the host tells of it. */
async function send(name: NodeJS.Signals): Promise<void> {
  process.emit(name, name);
  await nextTurn();
}

const live = (): Resource[] => [...Resource.live].filter(({ kind }) => kind === 'signals');
const listeners = (name: NodeJS.Signals): number => process.listenerCount(name);

test('signals yields the names of signals in the order they come, those before the first next() too', async () => {
  const received = signals('SIGWINCH', 'SIGHUP');
  await send('SIGHUP');
  await send('SIGWINCH');
  await send('SIGHUP'); // a second time before it was taken: counts once
  assert.deepEqual(await received.next(), { done: false, value: 'SIGHUP' });
  assert.deepEqual(await received.next(), { done: false, value: 'SIGWINCH' });
  const next = createTask(() => received.next(), { eager: true });
  await nextTurn();
  assert.equal(next.done(), false);
  await send('SIGWINCH');
  assert.deepEqual(await next, { done: false, value: 'SIGWINCH' });
  await received.return?.();
  assert.deepEqual(await received.next(), { done: true, value: undefined });
  assert.equal(listeners('SIGHUP') + listeners('SIGWINCH'), 0);
});

test('leaving the loop gives the signals their default effect back', async () => {
  const received = signals('SIGHUP');
  assert.equal(listeners('SIGHUP'), 1);
  await send('SIGHUP');
  for await (const name of received) {
    assert.equal(name, 'SIGHUP');
    break;
  }
  assert.equal(listeners('SIGHUP'), 0);
});

test('signals ends with the scope it was called in: a timeout, a group, a task', async () => {
  for (const scope of [
    (fn: () => Promise<void>) => moveOnAfter(60_000, fn),
    (fn: () => Promise<void>) => TaskGroup.run(fn),
    (fn: () => Promise<void>) => createTask(fn),
  ]) {
    let received: AsyncIterator<NodeJS.Signals, undefined> | undefined;
    await scope(async () => {
      received = signals('SIGHUP');
      assert.equal(listeners('SIGHUP'), 1);
      await nextTurn();
    });
    assert.equal(listeners('SIGHUP'), 0);
    assert.deepEqual(await received?.next(), { done: true, value: undefined });
  }
});

test('explored: a next() that is cancelled at any step loses no signal', async () => {
  const steps = await cancelAtEveryStep(() => {
    const received = signals('SIGHUP');
    const kept = (): number =>
      Number(Object.entries(live()[0]?.statistics() ?? {}).find(([name]) => name === 'kept')?.[1]);
    let came = 0;
    let got = 0;
    return {
      body: async () => {
        const next = received.next();
        came = Number(process.emit('SIGHUP', 'SIGHUP'));
        await next;
        got++;
      },
      check: () => {
        assert.equal(got + kept(), came);
        void received.return?.();
        assert.equal(listeners('SIGHUP'), 0);
      },
    };
  });
  assert.ok(steps > 2, `${steps} steps`);
});

test('a cancelled wait leaves, and its signal goes to the next one', async () => {
  const received = signals('SIGHUP');
  const first = createTask(() => received.next(), { eager: true });
  const second = createTask(() => received.next(), { eager: true });
  process.emit('SIGHUP', 'SIGHUP'); // answers the first
  first.cancel(); // in the same turn: the cancel wins
  await assert.rejects(async () => first, CancelledError);
  assert.deepEqual(await second, { done: false, value: 'SIGHUP' });
  await received.return?.();
});

test('signals are a live resource with figures until they end', async () => {
  const received = signals('SIGHUP', 'SIGWINCH');
  process.emit('SIGHUP', 'SIGHUP');
  assert.deepEqual(
    live().map((each) => each.statistics()),
    [{ names: ['SIGHUP', 'SIGWINCH'], kept: 1, waiting: 0 }],
  );
  await received[Symbol.asyncDispose]();
  assert.deepEqual(live(), []);
});

test('signals refuses what no program can receive, and says what was expected', () => {
  assert.throws(() => signals(), { name: 'TypeError', message: /expected their names/ });
  assert.throws(() => signals('SIGKILL'), {
    name: 'RangeError',
    message: 'Cannot receive signals: no program can receive SIGKILL',
  });
  assert.throws(() => signals('SIGNOPE' as never), { name: 'RangeError', message: /no signal "SIGNOPE"/ });
  assert.throws(() => signals(15 as never), { name: 'TypeError', message: /got 15/ });
  assert.equal(listeners('SIGHUP'), 0);
});

test('a program that waits for a signal alone stays alive, and ends when it came', async () => {
  const file = fileURLToPath(new URL('./fixtures/waits-for-signal.js', import.meta.url));
  await using program = new Program(isDeno ? ['run', '-A', '--no-lock', '--no-check', file] : [file]);
  await program.sees(/waits/);
  await new Promise((resolve) => setTimeout(resolve, 100)); // an empty loop would end it meanwhile
  process.kill(program.child.pid ?? 0, 'SIGHUP'); // Deno takes a signal of its own `kill` for the end
  const { code, stdout } = await program.ended();
  assert.equal(stdout, 'waits\ngot SIGHUP\nover\n');
  assert.equal(code, 0);
});
