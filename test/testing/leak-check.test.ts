import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test as plainTest } from 'node:test';
import { callLater, createTask, setExceptionHandler, sleep } from 'maitre';
import { withLeakCheck } from 'maitre/testing';
import { nextTurn, test, withoutAlarms } from '../support/test.js';

/** Whether this host can tell what keeps its loop alive: Bun has the function, and it tells nothing. */
const seesResources = ((): boolean => {
  const timer = setTimeout(() => undefined, 60_000);
  const sees = process.getActiveResourcesInfo().includes('Timeout');
  clearTimeout(timer);
  return sees;
})();

/** Runs `body` under the check, which must fail with `pattern`; then `undo`, so that this test itself leaves nothing. */
async function mustLeak(pattern: RegExp, body: () => unknown, undo: () => unknown): Promise<void> {
  await assert.rejects(withLeakCheck(body), (error: Error) => {
    assert.match(error.message, /^The test left behind:/);
    assert.match(error.message, pattern);
    return true;
  });
  await undo();
}

test('a body that leaves nothing passes, and its value is given', async () => {
  assert.equal(await withLeakCheck(() => createTask(() => sleep(1, 'clean'))), 'clean');
});

test('a body that throws fails with its own error', async () => {
  await assert.rejects(
    withLeakCheck(() => Promise.reject(new Error('its own'))),
    /its own/,
  );
});

test('a task left running is a leak, named with what it waits for', async () => {
  const left = { cancel: (): unknown => undefined };
  await mustLeak(
    /<Task "forgotten" pending, waits for sleep>/,
    () => {
      const task = createTask(() => sleep(Infinity), { name: 'forgotten' });
      left.cancel = () => task.cancel();
    },
    () => left.cancel(),
  );
});

test('a deadline left standing is a leak', async () => {
  const left: Disposable[] = [];
  await mustLeak(
    /a deadline of maitre/,
    () => left.push(callLater(60_000, () => undefined)),
    () => left[0]?.[Symbol.dispose](),
  );
});

test(
  'a timer and a server of the host are leaks',
  async () => {
    let timer: NodeJS.Timeout | undefined;
    await mustLeak(
      /1 Timeout/,
      () => void (timer = setTimeout(() => undefined, 60_000)),
      () => clearTimeout(timer),
    );
    const server = createServer();
    await mustLeak(
      /TCPServerWrap|TCPServer/,
      () => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)),
      () => new Promise((resolve) => server.close(resolve)),
    );
  },
  { skip: !seesResources },
);

test('an error nobody heard of is a leak, and its cause', async () => {
  const unheard = new Error('unheard');
  await assert.rejects(
    withLeakCheck(() => void createTask(() => Promise.reject(unheard), { name: 'silent' })),
    (error: Error) => {
      assert.match(error.message, /unheard error: Task "silent" failed and nobody awaited it: Error: unheard/);
      assert.equal(error.cause, unheard);
      return true;
    },
  );
});

test('an error the body has a handler for is none', async () => {
  const heard: unknown[] = [];
  await withLeakCheck(async () => {
    using _ = setExceptionHandler(({ error }) => heard.push(error));
    createTask(() => Promise.reject(new Error('expected')));
    await nextTurn();
    await nextTurn();
  });
  assert.equal(heard.length, 1);
});

test('what was there before the body is not its leak', async () => {
  const task = createTask(() => sleep(60_000));
  await nextTurn();
  await withLeakCheck(() => sleep(1));
  task.cancel();
});

test('what ends soon after the body is no leak', async () => {
  await withLeakCheck(
    () =>
      void createTask(() =>
        nextTurn()
          .then(nextTurn)
          .then(() => sleep(0)),
      ),
  );
});

// Not under the tests' own `test`, whose alarms these set off.
plainTest("the tests' own alarms: a process warning fails a test", async () => {
  await assert.rejects(
    withoutAlarms(() => process.emitWarning('too many cooks')),
    /The process saw during the test:\n {4}Warning: too many cooks/,
  );
});
