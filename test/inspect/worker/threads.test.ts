import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { BlockRow } from '#src/inspect/protocol/index.js';
import { test } from '../../support/test.js';
import { inspected } from '../viewer.js';

const skip = 'bun' in process.versions || 'deno' in process.versions ? 'threads are reached on Node alone' : false;

/** Of another thread than the main one, which blocks too while it starts threads on a busy machine. */
const isOther = ({ thread }: BlockRow): boolean => thread !== 0;

describe('Threads', () => {
  test(
    'names a thread that runs without a pause, and neither an idle one nor that of the inspector',
    async () => {
      await using it = await inspected('blocks', 'thread');
      await it.begin();
      for (;;) {
        const { blocks: all, sentence } = await it.viewer.ask('blocks', { threads: true });
        const blocks = all.filter(isOther);
        if (blocks.length === 0) continue;
        assert.equal(blocks.length, 1, JSON.stringify(blocks));
        assert.equal(blocks[0]?.place?.function, 'heavy');
        assert.ok((blocks[0]?.thread ?? 0) > 0);
        assert.match(sentence, /1 other thread runs without a pause/);
        break;
      }
      assert.deepEqual((await it.viewer.ask('blocks')).blocks.filter(isOther), []);
    },
    { skip },
  );
});
