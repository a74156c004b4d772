// Faults of HTTP libraries, as the public has reported them, restated as what maitre must not do. Each is held by a test where
// its part is tested; this file has the list, and checks that it is true.
import assert from 'node:assert/strict';
import { readText } from '../meta/source-files.js';
import { test } from '../support/test.js';

/** The report, what went wrong there, the test that holds maitre to the opposite, and its file below test/. */
const faults: readonly (readonly [report: string, fault: string, test: string, file: string])[] = [
  [
    'honojs/node-server#279',
    'the end of the body of a POST is taken for a client that leaves',
    'the end of a body, or of a response, is not the end of its client',
    'http/request-exchange',
  ],
  [
    'fastify/fastify#7033',
    'the same, in a listener',
    'a client that leaves cancels what the listener waits for, once',
    'http/listen',
  ],
  [
    'websockets/ws#1218',
    'there is no back-pressure, and memory grows with a slow client',
    'send waits for a slow client: what is unsent stays bounded at 1,000 messages a second and more',
    'http/web-socket',
  ],
  [
    'nodejs/undici#5566',
    'requests that were aborted leak',
    'cancelled requests leave the heap flat, within one long task',
    'http/http-client',
  ],
  [
    'nodejs/node#60617',
    'connections that are kept alive are cut while a request is on its way',
    'a request that has begun to come when the shutdown begins is served',
    'http/http-server',
  ],
];

test('each reported fault of HTTP is held by a test', () => {
  const missing = faults.filter(([, , claim, file]) => !readText(`test/${file}.test.ts`).includes(`'${claim}'`));
  assert.deepEqual(missing, []);
});
