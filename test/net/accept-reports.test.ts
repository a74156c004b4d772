import assert from 'node:assert/strict';
import { type ExceptionContext, setExceptionHandler, sleep } from 'maitre';
import { AcceptReports } from '#src/net/accept-reports.js';
import { fakeTest } from '../support/test.ts';

fakeTest('AcceptReports tells one error a second, and how many it did not tell', async () => {
  const contexts: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => contexts.push(context));
  const reports = new AcceptReports();
  const server = {};
  for (let i = 0; i < 100; i++) {
    reports.add(i, server);
    await sleep(50);
  }
  assert.deepEqual(
    contexts.map(({ error }) => error),
    [0, 20, 40, 60, 80],
  );
  assert.equal(contexts[0]?.message, 'Cannot accept a connection; the server goes on');
  assert.match(contexts[1]?.message ?? '', /, and not told of 19 more before this one$/);
  assert.ok(contexts.every((context) => context['server'] === server));
});
