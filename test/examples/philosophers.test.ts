import assert from 'node:assert/strict';
import { CancelledError, createTask, sleep } from 'maitre';
import { exploreCancellation } from 'maitre/testing';
import { dine } from '../../examples/philosophers.ts';
import { endsWith, Program, programArgs } from '../support/program.js';
import { fakeTest, test } from '../support/test.js';

const quiet = (): void => undefined;

fakeTest('all philosophers eat every meal, two at once, and none starves', async () => {
  const lines: string[] = [];
  const { meals, mostAtOnce, ms } = await dine(100, (line) => lines.push(line));
  assert.deepEqual([...meals.values()], [100, 100, 100, 100, 100]);
  assert.equal(mostAtOnce, 2);
  assert.equal(lines.length, 500);
  assert.ok(ms >= 250 * 50 && ms <= 500 * 70, `${ms} ms`);
});

fakeTest('a dinner that is cancelled ends at once', async (clock) => {
  const dinner = createTask(() => dine(100, quiet));
  await sleep(333);
  dinner.cancel();
  await assert.rejects(dinner.then(), CancelledError);
  assert.equal(clock.now(), 333);
});

test('no cancel leaves a fork behind, or a philosopher', async () => {
  const points = await exploreCancellation(async (x) => {
    x.task('dinner', () => dine(1, quiet));
    await x.settled();
  });
  assert.ok(points >= 2);
});

test('as a program it tells who has eaten, and SIGINT ends it with 130', async () => {
  await using program = new Program(programArgs('examples/philosophers.ts'));
  const { code, stdout, stderr } = await program.ended();
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(stdout.match(/has eaten meal \d$/gm)?.length, 15);
  assert.match(stdout, /all have eaten after \d+ ms, at most 2 at once\n$/);

  await using interrupted = new Program(programArgs('examples/philosophers.ts'));
  await interrupted.sees(/meal 1/);
  await endsWith(interrupted, 'SIGINT', 130, 5000);
});
