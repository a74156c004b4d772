import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { noRefusals, refusalOf } from '#src/net/refusal.js';
import { test } from '../support/test.ts';

test('the codes of refusals are those that docs/reference/servers.md explains', () => {
  const docs = readFileSync(new URL('../../../docs/reference/servers.md', import.meta.url), 'utf8');
  const table = /^\| code [^]*?\n\n/m.exec(docs)?.[0] ?? '';
  const rows = [...table.matchAll(/^\| (`[^|]*?) +\|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`(\w+)`/g)]);
  assert.deepEqual(rows.map(([, code]) => code).sort(), Object.keys(noRefusals()).sort());
});

test('refusalOf says what failed, whatever was thrown', () => {
  const peer = { path: '/run/x' };
  const error = new Error('no header');
  assert.deepEqual(refusalOf('proxyProtocol', error, peer), {
    code: 'proxyProtocol',
    message: 'no header',
    error,
    peer,
  });
  assert.equal(refusalOf('handshake', 'a text', peer).message, 'a text');
});
