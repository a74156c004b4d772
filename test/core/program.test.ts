import assert from 'node:assert/strict';
import { createTask, loopTime, openConnection, run, setExceptionHandler, sleep, startServer } from 'maitre';
import { test } from '../support/test.js';
import { play } from './play.js';

const FORCE = 2500;
/** What a busy machine may add to a bounded time, milliseconds. */
const SLACK = 12_000;

/** Plays fixtures/leaves-open.ts. With signals, `took` counts from the first. */
async function leavesOpen(
  what: string,
  grace: number,
  returns: boolean,
  ...signals: readonly (readonly [after: string, signal: 'SIGINT' | 'SIGTERM'])[]
) {
  const args = [what, String(grace), ...(returns ? ['returns'] : [])];
  const start = performance.now();
  const ended = await play('leaves-open', signals, args);
  return { ...ended, took: performance.now() - start };
}

/** A report as it stands on standard error, by its first line. */
function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

const LEFT_OPEN = {
  server: /run\(\) ended; it had left open: Server 127\.0\.0\.1:(\d+)\n/,
  connection: /run\(\) ended; it had left open: connection \d+ to 127\.0\.0\.1:(\d+)\n/,
  endpoint: /run\(\) ended; it had left open: datagram endpoint 127\.0\.0\.1:(\d+)\n/,
} as const;

// ---- without a signal: run settles with main's outcome --------------------------------------------------------------

// What takes its time is played side by side: nearly all of it is waiting.

test('nothing left open: nothing is said', async () => {
  const { code, out, err } = await leavesOpen('nothing', 200, true);
  assert.deepEqual([code, out, err], [0, 'ready\nreturns\nvalue 42\n', '']);
});

test("a server, a connection, an endpoint left open: each is named once and ended, and run gives main's value", async () => {
  const cases = ['server', 'connection', 'endpoint'] as const;
  const all = await Promise.all(cases.map(async (what) => ({ what, ...(await leavesOpen(what, 200, true)) })));
  for (const { what, code, out, err, took } of all) {
    assert.equal(code, 0, err);
    assert.match(out, /returns\nvalue 42\n$/);
    assert.ok(LEFT_OPEN[what].exec(err)?.[1] === /(\d+)\n/.exec(out)?.[1], `${out}\n${err}`);
    assert.equal(count(err, 'left open'), 1);
    assert.equal(count(err, 'without all that it started'), 0);
    assert.ok(took < 200 + FORCE + SLACK, `took ${took} ms`);
  }
});

test('a server whose client is served, and the connection to it: each is named once, the latest opened first', async () => {
  const { code, out, err } = await leavesOpen('busy-server', 200, true);
  assert.equal(code, 0, err);
  const port = /server (\d+)/.exec(out)?.[1];
  assert.match(
    err,
    new RegExp(`left open: connection \\d+ to 127\\.0\\.0\\.1:${port}, Server 127\\.0\\.0\\.1:${port}\n`),
  );
  assert.equal(count(err, 'left open'), 1);
});

test("a task that will not end is named when the time is over, and run gives main's value", async () => {
  const cases = [
    ['swallowing-task', '<Task "deaf" pending, waits for sleep>'],
    ['foreign-task', '<Task "abroad" pending>'],
  ] as const;
  const all = await Promise.all(cases.map(async ([what, name]) => ({ name, ...(await leavesOpen(what, 100, true)) })));
  for (const { name, code, out, err, took } of all) {
    assert.deepEqual([code, out], [0, 'ready\nreturns\nvalue 42\n'], err);
    assert.match(err, /run\(\) has ended without all that it started/);
    assert.equal(count(err, name), 1, err);
    assert.ok(took >= 100 + FORCE - 50 && took < 100 + FORCE + SLACK, `took ${took} ms`);
  }
});

// ---- a signal -------------------------------------------------------------------------------------------------------

test('SIGTERM while something is open: it is ended within the grace, and the process ends with 143', async () => {
  const cases = ['server', 'busy-server', 'connection', 'endpoint'] as const;
  const all = await Promise.all(cases.map((what) => leavesOpen(what, 300, false, ['ready', 'SIGTERM'])));
  for (const { code, err, took } of all) {
    assert.equal(code, 143, err);
    assert.equal(count(err, 'left open'), 1, err);
    assert.equal(count(err, 'without all that it started'), 0, err);
    assert.ok(took < 300 + FORCE + SLACK, `took ${took} ms`);
  }
});

test('SIGTERM with what will not end: 2.5 s after the grace it is named, and the process ends with 143', async () => {
  const cases = [
    ['swallowing-task', 'deaf'],
    ['foreign-task', 'abroad'],
    ['swallowing-main', 'main'],
    ['foreign-main', 'main'],
  ] as const;
  const play = ([what, name]: (typeof cases)[number]) =>
    leavesOpen(what, 100, false, ['ready', 'SIGTERM']).then((ended) => ({ name, ...ended }));
  for (const { name, code, err, took } of await Promise.all(cases.map(play))) {
    assert.equal(code, 143, err);
    assert.equal(count(err, `<Task "${name}" pending`), 1, err);
    assert.ok(took >= 100 + FORCE - 50 && took < 100 + FORCE + SLACK, `took ${took} ms`);
  }
});

test('a second signal ends the process at once, whatever is in the way', async () => {
  const cases = ['swallowing-task', 'foreign-main', 'server'] as const;
  const signals = [
    ['ready', 'SIGTERM'],
    ['told', 'SIGINT'],
  ] as const;
  for (const { code, took } of await Promise.all(cases.map((what) => leavesOpen(what, 15_000, false, ...signals)))) {
    assert.ok([130, 143].includes(code ?? 0), `${code}`); // the server may have ended by then
    assert.ok(took < 10_000, `took ${took} ms`);
  }
});

test('while run is ending by itself, the first signal ends the process at once', async () => {
  const { code, out, took } = await leavesOpen('swallowing-task', 15_000, true, ['returns', 'SIGTERM']);
  assert.equal(code, 143);
  assert.match(out, /^ready\nreturns\n(told\n)?$/);
  assert.ok(took < 10_000, `took ${took} ms`);
});

// ---- the grace -----------------------------------------------------------------------------------------------------

test('a task that ends within the grace is waited for, one that does not is cancelled once more after it', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => reports.push(message));
  const log: [string, number][] = [];
  let start = 0;
  const note = (text: string): void => void log.push([text, loopTime() - start]);
  await run(
    async () => {
      createTask(async () => {
        try {
          await sleep(Infinity);
        } finally {
          await sleep(90);
          note('cleaned up');
        }
      });
      createTask(async () => {
        await sleep(Infinity).catch(() => undefined);
        await sleep(Infinity).catch(() => note('cancelled again'));
      });
      await sleep(1);
      start = loopTime();
    },
    { grace: 100 },
  );
  assert.deepEqual(
    log.map(([text]) => text),
    ['cleaned up', 'cancelled again'],
  );
  const [first = 0, second = 0] = log.map(([, at]) => at);
  assert.ok(first >= 89 && first < second && second >= 99 && second < 1000, `${first} ms, ${second} ms`);
  assert.deepEqual(reports, []);
});

test("without a signal, run settles with main's error, though a task lives on", async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message, error }) => reports.push(message, String(error)));
  let released = false;
  await assert.rejects(
    run(
      async () => {
        createTask(
          async () => {
            while (!released) await sleep(10).catch(() => undefined);
          },
          { name: 'deaf' },
        );
        await sleep(1);
        throw new Error('main failed');
      },
      { grace: 50 },
    ),
    /main failed/,
  );
  released = true;
  await sleep(20);
  assert.equal(reports[0], 'run() has ended without all that it started');
  assert.match(reports[1] ?? '', /<Task "deaf" pending/);
});

test("shutdown and serveForever without a grace of their own take what is left of run's after a signal", async () => {
  for (const how of ['shutdown', 'serveForever'] as const) {
    let handled = 0;
    const main = async (): Promise<number> => {
      const server = await startServer(() => sleep(Infinity).finally(() => handled++), { host: '127.0.0.1', port: 0 });
      const { port } = server.addresses[0] as { port: number }; // it listens on one address
      const connection = await openConnection({ host: '127.0.0.1', port });
      await sleep(20);
      process.emit('SIGTERM', 'SIGTERM'); // main handles it, so nothing ends this process
      const start = loopTime();
      if (how === 'shutdown') {
        await sleep(0).catch(() => undefined); // the cancel
        await server.shutdown();
      } else await server.serveForever().catch(() => undefined);
      const took = loopTime() - start;
      connection.abort();
      return took;
    };
    const took = await run(main, { grace: 400 });
    assert.ok(took >= 350 && took < 5000, `${how} took ${took} ms`);
    assert.equal(handled, 1);
  }
});
