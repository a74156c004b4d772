import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { mainClock } from '#src/inspect/worker/main-clock.js';
import { test } from '../../support/test.js';
import { inspected } from '../viewer.js';

describe('mainClock', () => {
  test('is that of the main thread, which began before the worker', async () => {
    await using it = await inspected('blocks');
    const hello = await it.viewer.ask('hello');
    const { snapshot } = await it.viewer.ask('snapshot');
    // Between the two lies one question, so any time of the main thread in between will do.
    assert.ok(snapshot.now >= hello.now - 5, `${snapshot.now} after ${hello.now}`);
    assert.ok(snapshot.now - hello.now < 5000);
    assert.ok(Math.abs(hello.process.epoch + hello.now - Date.now()) < 5000);
  });

  test('does not trust a counter that begins elsewhere', () => {
    const origin = performance.timeOrigin - 10_000;
    const expected = performance.now() + 10_000;
    for (const offset of [0, -1e9]) assert.ok(Math.abs(mainClock(offset, origin)() - expected) < 50);
  });
});
