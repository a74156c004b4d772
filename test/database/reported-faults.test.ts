// Faults of pools and drivers, as the public has reported them, restated as what maitre must not do. Each is held by a test
// where its part is tested; this file has the list, and checks that it is true.
import assert from 'node:assert/strict';
import { readText } from '../meta/source-files.js';
import { test } from '../support/test.js';

/** The report, what went wrong there, the test that holds maitre to the opposite, and its file below test/. */
const faults: readonly (readonly [report: string, fault: string, test: string, file: string])[] = [
  [
    'bytebase/dbhub#386',
    "the client's timeout leaves the statement running",
    'a statement that takes too long is stopped on the server',
    'database/leaving',
  ],
  [
    'bytebase/dbhub#386',
    'the same, when the client leaves',
    'the server is idle soon after a client has left',
    'database/leaving',
  ],
  [
    'sidorares/node-mysql2#4497',
    'the deadline for a connection starts anew with each attempt',
    'the deadline for a connection is one for all attempts',
    'database/outages.long',
  ],
  [
    'sidorares/node-mysql2#683',
    'an idle connection is dead, and the first query fails',
    'connections that expire while they are idle cost no caller anything, and can still be stopped',
    'database/outages.long',
  ],
  [
    'brianc/node-postgres#2774',
    'a late cancel hits the next query',
    'in 300 rounds, no late cancel hits the next query',
    'database/leaving',
  ],
  [
    'porsager/postgres#824',
    'waiting for a connection is outside of the timeout',
    'the time of a statement includes the wait for a connection',
    'database/leaving',
  ],
  [
    'redis/ioredis#1914',
    'a blocking command never settles after a restart',
    'under cancellable, a command that the client has forgotten after a restart settles by cancel and by timeout',
    'database/redis',
  ],
];

test('each reported fault of databases is held by a test', () => {
  const missing = faults.filter(([, , claim, file]) => !readText(`test/${file}.test.ts`).includes(`'${claim}'`));
  assert.deepEqual(missing, []);
});
