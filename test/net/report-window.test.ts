import assert from 'node:assert/strict';
import { type ExceptionContext, loopTime, setExceptionHandler, sleep } from 'maitre';
import { ReportWindow } from '#src/net/report-window.js';
import { fakeTest } from '../support/test.ts';

/** What was told, and when, in milliseconds from now on. */
function listen(): Disposable & { readonly told: [number, string, unknown][] } {
  const began = loopTime();
  const told: [number, string, unknown][] = [];
  const handler = setExceptionHandler(({ message, error }: ExceptionContext) => {
    told.push([Math.round(loopTime() - began), message, error]);
  });
  return { told, [Symbol.dispose]: () => handler[Symbol.dispose]() };
}

const makeWindow = (): ReportWindow =>
  new ReportWindow((count, detail, last) => `${count} more${detail}, the last ${last}`);

fakeTest('ReportWindow tells the first at once, and how many came within a second when it is over', async () => {
  using heard = listen();
  const window = makeWindow();
  for (let i = 0; i < 50; i++) {
    window.add('lost', `number ${i}`, { message: `lost ${i}`, error: i });
    await sleep(50);
  }
  await sleep(5000);
  assert.deepEqual(heard.told, [
    [0, 'lost 0', 0],
    [1000, '19 more, the last number 19', 19],
    [2000, '20 more, the last number 39', 39],
    [3000, '10 more, the last number 49', 49],
  ]);
});

fakeTest('ReportWindow is open again a second after the last report, and counts by kind', async () => {
  using heard = listen();
  const window = makeWindow();
  window.add('block', 'a', { message: 'first', error: 1 });
  await sleep(1000);
  window.add('block', 'b', { message: 'second', error: 2 });
  window.add('block', 'c', { message: '', error: 3 });
  window.add('maxPerIp', 'd', { message: '', error: 4 });
  window.add('block', 'e', { message: '', error: 5 });
  await sleep(1000);
  assert.deepEqual(
    heard.told.map(([at, message]) => [at, message]),
    [
      [0, 'first'],
      [1000, 'second'],
      [2000, '3 more (2 block, 1 maxPerIp), the last e'],
    ],
  );
});

fakeTest(
  'ReportWindow.end tells what was counted without waiting, once, and what still comes in the next turn',
  async () => {
    using heard = listen();
    const window = makeWindow();
    for (const name of ['a', 'b', 'c']) window.add('lost', name, { message: name, error: name });
    await sleep(10);
    window.end();
    window.end();
    window.add('lost', 'd', { message: 'd', error: 'd' });
    window.add('lost', 'e', { message: 'e', error: 'e' });
    await sleep(3000);
    assert.deepEqual(
      heard.told.map(([at, message]) => [at, message]),
      [
        [0, 'a'],
        [10, '2 more, the last c'],
        [10, '2 more, the last e'],
      ],
    );
  },
);
