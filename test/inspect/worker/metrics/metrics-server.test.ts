import assert from 'node:assert/strict';
import { MetricsServer } from '#src/inspect/worker/metrics/metrics-server.js';
import { test } from '../../../support/test.js';

test('only who has the token reads the metrics, and only at /metrics', async () => {
  let scrapes = 0;
  const text = (): string => `maitre_scrapes ${++scrapes}\n`;
  const server = await MetricsServer.open({ host: '127.0.0.1', port: 0, token: 'a long secret', text });
  const ask = async (path: string, authorization?: string, method = 'GET'): Promise<[number, string]> => {
    const headers = { connection: 'close', ...(authorization !== undefined && { authorization }) };
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method, headers });
    return [response.status, await response.text()];
  };
  for (const wrong of [
    undefined,
    '',
    'a long secret',
    'Basic a long secret',
    'Bearer ',
    'Bearer a long secreT',
    'Bearer a long secret2',
  ])
    assert.equal((await ask('/metrics', wrong))[0], 401, String(wrong));
  assert.equal(scrapes, 0);
  assert.deepEqual(await ask('/metrics', 'Bearer a long secret'), [200, 'maitre_scrapes 1\n']);
  assert.equal((await ask('/', 'Bearer a long secret'))[0], 404);
  assert.equal((await ask('/metrics', 'Bearer a long secret', 'POST'))[0], 405);
  server.close();
  await new Promise((resolve) => setTimeout(resolve, 50)); // sockets of the system end by themselves
});
