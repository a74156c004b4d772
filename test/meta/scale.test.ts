// The models behind docs/guides/scale.md, a hundredth as large: what the guide concludes from them holds, they lose no
// client, and equal seeds give equal results.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readText, root } from './source-files.js';

interface Row {
  readonly name: string;
  readonly kind?: string;
  readonly [figure: string]: unknown;
}

interface Models {
  readonly storms: (size: number) => Row[];
  readonly shards: (size: number) => Row[];
  readonly herds: (size: number) => Row[];
}

const load = async <T>(file: string): Promise<T> =>
  (await import(pathToFileURL(join(root, 'bench/scale', file)).href)) as T;
const { storms, shards, herds } = await load<Models>('scenarios.mjs');
const { storm } = await load<{ readonly storm: (options: object) => Record<string, number> }>('storm.mjs');
const { capacity } = await load<{ readonly capacity: (options: object) => Record<string, number> }>('capacity.mjs');

/** A figure of the row with that name. */
function figure(rows: readonly Row[], name: string, key: string): number {
  const row = rows.find((each) => `${each.kind === undefined ? '' : `${each.kind}: `}${each.name}` === name);
  return Number(row?.[key]);
}

describe('the models of scale', () => {
  test('a storm ends if the queue is bounded or who left is noticed, soonest for those who were told when to come', () => {
    const rows = storms(0.01);
    const seconds = (name: string): number => figure(rows, name, 'seconds');
    assert.equal(seconds('no bound, exponential back-off'), Infinity);
    assert.equal(seconds('no bound, full jitter'), Infinity);
    assert.equal(seconds('backlog 511, exponential'), Infinity);
    assert.ok(figure(rows, 'no bound, full jitter', 'wasted') > 0.9);
    assert.ok(seconds('no bound, who left is noticed') < 40);
    assert.ok(seconds('backlog 511, full jitter to 10 s') < seconds('backlog 511, half jitter'));
    assert.ok(seconds('backlog 511, half jitter') < 80);
    assert.deepEqual(
      [figure(rows, 'told to come within 40 s', 'perClient'), figure(rows, 'told to come within 40 s', 'refused')],
      [1, 0],
    );
    assert.ok(figure(rows, 'rolling, 2 % every 2 s', 'perClient') < 2);
  });

  test('a storm takes at least the work that waits, and no client is lost', () => {
    const options = { clients: 20_000, servers: 4, cost: 2, spread: 1000, until: 60_000, seed: 7 };
    const first = storm(options);
    assert.ok(Number(first['seconds']) >= (20_000 / 4) * 0.002 * 0.9, String(first['seconds']));
    assert.equal(
      Math.round(20_000 * Number(first['perClient'])),
      20_000 + Number(first['refused']) + Number(first['gaveUp']),
    );
    assert.deepEqual(storm(options), first);
    assert.notDeepEqual(storm({ ...options, seed: 8 }), first);
  });

  test('a balancer that looks keeps requests from slow servers, and sends more to one that fails at once', () => {
    const rows = shards(0.01);
    assert.ok(figure(rows, 'ten times slower: round robin', 'failed') > 0.009);
    assert.equal(figure(rows, 'ten times slower: two choices', 'failed'), 0);
    assert.ok(figure(rows, 'ten times slower, at most 8 in flight: round robin', 'failed') < 0.001);
    assert.ok(figure(rows, 'fails at once: least connections', 'onSlow') > 0.03);
  });

  test('a herd asks once for each server, or once', () => {
    const rows = herds(0.01);
    assert.ok(figure(rows, 'each reader asks', 'questions') > 100_000);
    assert.equal(figure(rows, 'one for each server', 'questions'), 10);
    assert.equal(figure(rows, '... and others get the old value', 'longest'), 0);
    assert.ok(figure(rows, '... and it expires up to 10 % early', 'most') < 10);
    assert.equal(figure(rows, 'one for all servers', 'questions'), 1);
  });

  test('the capacity is that of those who come back, and the guide has every table', () => {
    const { talk, recover, servers } = capacity({});
    assert.ok(Number(recover) > Number(talk));
    assert.ok(Number(servers) > Number(capacity({ outage: 0 })['servers']));
    const guide = readText('docs/guides/scale.md');
    for (const name of ['storm', 'shard', 'herd', 'capacity']) {
      const [, block = ''] = new RegExp(`<!-- scale:${name} -->([^]*?)<!-- /scale:${name} -->`).exec(guide) ?? [];
      assert.ok(block.split('\n').length > 5, name);
    }
  });
});
