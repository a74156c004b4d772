import assert from 'node:assert/strict';
import { isModuleMissing } from '#src/base/index.js';
import { test } from '../support/test.js';

test('a module is missing if the error has the code and mentions it, and not for what it lacks itself', () => {
  const error = Object.assign(new Error("Cannot find package 'ws' imported from x.js"), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
  assert.equal(isModuleMissing(error, "'ws'"), true);
  assert.equal(isModuleMissing(error, "'pg'"), false);
  assert.equal(isModuleMissing(new Error("Cannot find package 'ws'"), "'ws'"), false);
  for (const other of [undefined, null, 'ws', {}]) assert.equal(isModuleMissing(other, 'ws'), false);
});
