import assert from 'node:assert/strict';
import { KeepAlive } from '#src/base/index.js';
import { test } from '../support/test.js';

/** Timers that count which of them are pending. */
class Timers {
  readonly pending = new Map<number, () => void>();
  #last = 0;

  setTimer(ms: number, fn: () => void): unknown {
    assert.ok(ms > 86_400_000 && ms < 2 ** 31, `${ms} ms`);
    this.pending.set(++this.#last, fn);
    return this.#last;
  }

  clearTimer(timer: unknown): void {
    this.pending.delete(timer as number);
  }
}

test('KeepAlive holds one timer from hold() to release(), however often they are called', () => {
  const timers = new Timers();
  const alive = new KeepAlive();
  alive.release(timers);
  for (let round = 0; round < 2; round++) {
    alive.hold(timers);
    alive.hold(timers);
    assert.equal(timers.pending.size, 1);
    alive.release(timers);
    alive.release(timers);
    assert.equal(timers.pending.size, 0);
  }
});

test('KeepAlive renews its timer when it fires', () => {
  const timers = new Timers();
  const alive = new KeepAlive();
  alive.hold(timers);
  const [[id, fire]] = [...timers.pending] as [[number, () => void]]; // there is one
  timers.pending.delete(id);
  fire();
  assert.equal(timers.pending.size, 1);
  alive.release(timers);
  assert.equal(timers.pending.size, 0);
});
