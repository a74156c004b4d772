import assert from 'node:assert/strict';
import {
  asCompleted,
  captureCallGraph,
  type CallGraph,
  createTask,
  formatCallGraph,
  gather,
  InvalidStateError,
  shield,
  sleep,
  type Task,
  TaskGroup,
  wait,
} from 'maitre';
import { traceStacks } from '#src/core/index.js';
import { nextTurn, test } from '../../support/test.js';

const never = (): Promise<void> => sleep(Infinity);

/** `leaf < a < b`: who awaits whom, by name, awaiters in parentheses if several. */
function shape({ task, awaitedBy }: CallGraph): string {
  const inner = awaitedBy.map(shape);
  if (inner.length === 0) return task.name;
  return `${task.name} < ${inner.length === 1 ? inner[0] : `(${inner.sort().join(', ')})`}`;
}

async function shapeOf(leaf: Task<unknown>): Promise<string> {
  await nextTurn();
  const text = shape(captureCallGraph(leaf));
  leaf.cancel();
  await nextTurn();
  return text;
}

test('the call graph follows awaits, several awaiters included', async () => {
  const leaf = createTask(never, { name: 'leaf' });
  const a = createTask(async () => leaf, { name: 'a' });
  createTask(() => leaf.then(), { name: 'b' }).catch(() => undefined);
  createTask(async () => a, { name: 'c' });
  assert.equal(await shapeOf(leaf), 'leaf < (a < c, b)');
});

test('the call graph goes through gather, shield, wait, asCompleted and groups', async () => {
  const through: [string, (leaf: Task<unknown>) => PromiseLike<unknown>][] = [
    ['gather', (leaf) => gather([leaf, () => 1])],
    ['shield', (leaf) => shield(leaf)],
    ['wait', (leaf) => wait([leaf])],
    [
      'asCompleted',
      async (leaf) => {
        for await (const _ of asCompleted([leaf])) return;
      },
    ],
    ['nested', (leaf) => gather([shield(gather([leaf]))])],
  ];
  for (const [name, combinator] of through) {
    const leaf = createTask(never, { name: 'leaf' });
    createTask(async () => combinator(leaf), { name }).addDoneCallback(() => undefined);
    assert.equal(await shapeOf(leaf), `leaf < ${name}`);
  }
  let child: Task<void> | undefined;
  createTask(() => TaskGroup.run((group) => void (child = group.createTask(never, { name: 'child' }))), {
    name: 'parent',
  });
  await nextTurn();
  assert.equal(await shapeOf(child as Task<unknown>), 'child < parent');
});

test('a circle of awaits ends where it closes', async () => {
  const tasks: Task<unknown>[] = ['a', 'b'].map((name, i) => createTask(async () => tasks[1 - i], { name }));
  assert.equal(await shapeOf(tasks[0] as Task<unknown>), 'a < b');
});

test('captureCallGraph takes the current task by default, and throws outside of tasks', async () => {
  const task = createTask(() => captureCallGraph().task.id);
  assert.equal(await task, task.id);
  assert.throws(() => captureCallGraph(), InvalidStateError);
});

test('formatCallGraph writes the graph with waits, and stacks while tracing is on', async () => {
  const leaf = createTask(never, { name: 'leaf' });
  const waiter = createTask(async () => leaf, { name: 'waiter' });
  await nextTurn();
  assert.equal(
    formatCallGraph(leaf),
    '* Task "leaf" waits for sleep\n  awaited by:\n    * Task "waiter" waits for await',
  );
  assert.deepEqual(captureCallGraph(leaf).stack, []);
  leaf.cancel();
  await nextTurn();
  assert.equal(waiter.cancelled(), true);
  using _ = traceStacks();
  const waits = async (): Promise<void> => {
    await never();
  };
  const traced = createTask(waits, { name: 'traced' });
  await nextTurn();
  assert.match(formatCallGraph(traced), /^\* Task "traced" waits for sleep\n {2}at [\s\S]*call-graph\.test/);
  traced.cancel();
});
