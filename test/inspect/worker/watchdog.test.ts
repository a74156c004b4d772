import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { sleep } from 'maitre';
import { type Look, Pulse } from '#src/inspect/crossing.js';
import type { BlockRow } from '#src/inspect/protocol/index.js';
import { Watchdog } from '#src/inspect/worker/watchdog.js';
import { test } from '../../support/test.js';
import { inspected, withEnvironment } from '../viewer.js';

/** Each blocks for five seconds, so what is seen within one is seen during the block. */
const ways = {
  busyLoop: /busyLoop$/,
  badRegex: /badRegex$/,
  bigJson: /bigJson$/,
  atomicWait: /atomicWait$/,
  endlessMicrotasks: /endlessMicrotasks$/,
  withoutStacks: /busyLoop$/,
  ownCapture: /busyLoop$/,
  frozenError: /busyLoop$/,
};

/** Whether this runtime lets a thread look into another. */
const looks = !('bun' in process.versions || 'deno' in process.versions);
const skip = looks ? false : 'this runtime does not let a thread look into another';

describe('Watchdog', () => {
  test('an answer that comes after the block says nothing of it', async () => {
    const pulse = new Pulse();
    pulse.beat(performance.now());
    const ended = await new Promise<BlockRow>((resolve) => {
      const watchdog = new Watchdog({
        pulse,
        blockAfter: 50,
        now: () => performance.now(),
        async look() {
          pulse.beat(performance.now()); // it is over, and what is looked at is what came next
          const { beats } = pulse;
          const stack = ['innocent (file:///app/kitchen.js:3:5)'];
          const answer: Look = { beats, task: 7, name: 'innocent', peer: null, stack, debuggerUrl: null };
          return JSON.stringify({ answer, cost: 0 });
        },
        obstacle: undefined,
        nameOf: () => undefined,
        runDelay: () => undefined,
        waiting: () => null,
        onFound: () => assert.fail('nothing was found'),
        onBlock(row) {
          watchdog[Symbol.dispose]();
          resolve(row);
        },
      });
    });
    assert.deepEqual([ended.over, ended.name, ended.place, ended.stack], [true, null, null, []]);
  });

  test('a block is found with the first look, and reported after the third', async () => {
    const pulse = new Pulse();
    pulse.beat(performance.now());
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      const watchdog = new Watchdog({
        pulse,
        blockAfter: 50,
        now: () => performance.now(),
        async look() {
          seen.push('look');
          const { beats } = pulse;
          const stack = ['guilty (file:///app/kitchen.js:3:5)'];
          const answer: Look = { beats, task: 7, name: 'cook', peer: null, stack, debuggerUrl: null };
          return JSON.stringify({ answer, cost: 0 });
        },
        obstacle: undefined,
        nameOf: () => undefined,
        runDelay: () => undefined,
        waiting: () => null,
        onFound() {
          const { place, name } = watchdog.block ?? {};
          seen.push(`found ${name} at ${place?.file}:${place?.line}`);
        },
        onBlock() {
          seen.push('reported');
          watchdog[Symbol.dispose]();
          resolve();
        },
      });
    });
    assert.deepEqual(seen, ['look', 'found cook at file:///app/kitchen.js:3', 'look', 'look', 'reported']);
  });

  test(
    'without a way to look, says since when, and which task was resumed last',
    async () => {
      await using it = await inspected('blocks', 'busyLoop');
      await it.viewer.ask('snapshot');
      await it.begin();
      const block = await it.viewer.block(({ over }) => !over);
      assert.equal(block.inferred, true);
      assert.ok(block.task !== null);
      assert.match(block.why ?? '', /^(Bun|Deno) does not let a thread look into another$/);
      const { fresh } = await it.viewer.ask('snapshot');
      assert.equal(fresh.how, 'stale');
      assert.match(fresh.why ?? '', /this runtime cannot be looked into/);
      assert.ok(fresh.age > 0);
    },
    { skip: looks ? 'this runtime can look' : false },
  );

  for (const [way, guilty] of Object.entries(ways)) {
    test(
      `names task and function of a block while it lasts: ${way}`,
      async () => {
        await using it = await inspected('blocks', way);
        await it.begin();
        const block = await it.viewer.block(({ place, name }) => place !== null && name !== null);
        assert.equal(block.name, 'guilty');
        assert.match(block.place?.function ?? '', guilty);
        assert.match(block.place?.text ?? '', /^blocks\.[jt]s:\d+$/);
        assert.equal(block.over, false);
        assert.ok(block.ms < 1000, `named after ${block.ms} ms`);
        const { snapshot, fresh } = await it.viewer.ask('snapshot');
        assert.equal(fresh.how, 'interrupted');
        assert.equal(fresh.block?.name, 'guilty');
        // Between two microtasks of a loop of them there is none for a moment.
        const current = snapshot.tasks.find(({ id }) => id === snapshot.current)?.name;
        assert.ok(current === 'guilty' || (current === undefined && way === 'endlessMicrotasks'));
        assert.doesNotMatch(it.program.stdout, /^over$/m);
      },
      { skip },
    );
  }

  test(
    'names a native call when it returns, and says so meanwhile',
    async () => {
      await using it = await inspected('blocks', 'derivesKey');
      await it.begin();
      const during = await it.viewer.block(({ over, why }) => !over && /native code/.test(why ?? ''));
      assert.match(during.why ?? '', /native code, which is named when it returns/);
      const { fresh } = await it.viewer.ask('snapshot');
      assert.equal(fresh.how, 'stale');
      assert.match(fresh.why ?? '', /does not answer: it runs native code/);
      const after = await it.viewer.block(({ over }) => over);
      assert.equal(after.name, 'guilty');
      assert.match(after.place?.function ?? '', /derivesKey$/);
    },
    { skip },
  );

  test('says of a block that was too short that it could not be looked at, or names it', async () => {
    await using it = await inspected('blocks', 'shortBlock');
    await it.begin();
    const block = await it.viewer.block(({ over }) => over);
    assert.ok(block.place !== null || block.why !== undefined);
  });

  test('shows what allowBlocking() covers as allowed', async () => {
    await using it = await inspected('blocks', 'allowed');
    await it.begin();
    const block = await it.viewer.block(({ over }) => over);
    assert.equal(block.allowed, true);
    await it.program.sees(/^over$/m);
    assert.doesNotMatch(it.program.stdout, /^block told$/m);
  });

  test(
    'reports nothing while the debugger port is open, and answers all the same',
    async () => {
      await withEnvironment({ NODE_OPTIONS: '--inspect=127.0.0.1:0' }, async () => {
        await using it = await inspected('blocks', 'busyLoop');
        await it.begin();
        let fresh: string | undefined;
        while (fresh !== 'interrupted') fresh = (await it.viewer.ask('snapshot')).fresh.how;
        await sleep(300); // three times blockAfter, in real time: the block is that of another process
        const { blocks } = await it.viewer.ask('blocks');
        assert.deepEqual(blocks, []);
      });
    },
    { skip },
  );
});
