import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unknownOption } from '#src/base/index.js';

test('unknownOption names the action and the option, on one line', () => {
  const error = unknownOption('start server', 'ho\nts');
  assert.ok(error instanceof TypeError);
  assert.equal(error.message, String.raw`Cannot start server: unknown option "ho\nts"`);
});

test('unknownOption names the new spelling of an option that was renamed', () => {
  assert.equal(
    unknownOption('start server', 'shutdownTimeout').message,
    'Cannot start server: unknown option "shutdownTimeout", did you mean closeNotifyTimeout?',
  );
});

test('unknownOption is not misled by the names of every object', () => {
  assert.equal(unknownOption('start server', 'toString').message, 'Cannot start server: unknown option "toString"');
});
