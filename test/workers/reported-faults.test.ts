// Faults of other servers and supervisors, as the public has reported them, restated as what maitre must not do. Each is held
// by a test where its part is tested; this file has the list, and checks that it is true.
import assert from 'node:assert/strict';
import { readText } from '../meta/source-files.js';
import { test } from '../support/test.js';

const NONE_LOST = 'no request is lost while workers are replaced: the new one is ready before the old one drains';

/** The report, what went wrong there, the test that holds maitre to the opposite, and its file below test/. */
const faults: readonly (readonly [report: string, fault: string, test: string, file: string])[] = [
  [
    'Kludex/uvicorn#2943',
    'a reload hangs for ever on streams of events and WebSockets',
    'a reload ends with clients of every kind that never end: each has the grace, then ends well',
    'workers/reload.long',
  ],
  [
    'emmett-framework/granian#538',
    'a syntax error ends the reloading',
    'a broken file leaves the old workers serving, says why, and the next save serves',
    'workers/reload.long',
  ],
  ['Unitech/pm2#3143', 'the old worker is killed before the new one listens', NONE_LOST, 'workers/reload.long'],
  ['benoitc/gunicorn#2296', 'a reload loses some of 30 requests a second', NONE_LOST, 'workers/reload.long'],
  ['envoyproxy/envoy#14295', 'the old one drains before the new one accepts', NONE_LOST, 'workers/reload.long'],
  [
    'remy/nodemon#2252',
    'what a worker has started survives, and the port stays taken',
    'no worker and nothing that it has started survives a supervisor that is killed, and the port is free',
    'workers/reload.long',
  ],
  [
    'haraka/Haraka#1926',
    'a shutdown ends workers one after the other, and takes 20 minutes',
    'a shutdown ends all workers at the same time, within the grace of one',
    'workers/reload.long',
  ],
];

test('each reported fault of servers under supervision is held by a test', () => {
  const missing = faults.filter(([, , claim, file]) => !readText(`test/${file}.test.ts`).includes(`'${claim}'`));
  assert.deepEqual(missing, []);
});
