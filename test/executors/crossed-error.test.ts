import assert from 'node:assert/strict';
import * as core from '#src/core/index.js';
import { packError, unpackError } from '#src/executors/crossed-error.js';
import { test } from '../support/test.js';

test('an error of every class of maitre arrives as one of its class', () => {
  const classes = Object.entries(core).filter(
    ([, each]: [string, unknown]) => typeof each === 'function' && (each.prototype as unknown) instanceof Error,
  );
  assert.ok(classes.length > 10);
  for (const [name, each] of classes) {
    const { prototype } = each as unknown as typeof Error; // filtered just now
    const packed = packError(Object.assign(Object.create(prototype) as Error, { message: 'soup' }));
    assert.equal(packed.base, name);
    assert.equal(Object.getPrototypeOf(unpackError(structuredClone(packed))), prototype);
  }
});

test('a class is known by the key of a table, and not by its own name, which bundlers change', () => {
  const { name } = core.TimeoutError;
  Object.defineProperty(core.TimeoutError, 'name', { value: 'a', configurable: true });
  try {
    assert.equal(packError(new core.TimeoutError('late')).base, 'TimeoutError');
  } finally {
    Object.defineProperty(core.TimeoutError, 'name', { value: name, configurable: true });
  }
});
