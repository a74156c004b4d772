import assert from 'node:assert/strict';
import { type ExceptionContext, setExceptionHandler } from 'maitre';
import { reportException } from 'maitre/lowlevel';
import { test } from '../support/test.js';

/** What is written to standard error meanwhile. */
function captureStderr(fn: () => void): string {
  const { stderr } = process;
  const write = stderr.write.bind(stderr);
  let text = '';
  stderr.write = (chunk) => ((text += String(chunk)), true);
  try {
    fn();
  } finally {
    stderr.write = write;
  }
  return text;
}

test('the handler that was set last gets the whole context, and disposing it brings the previous one back', () => {
  const seen: [string, ExceptionContext][] = [];
  const context = { message: 'm', error: new Error('e'), connection: 'c' };
  using _ = setExceptionHandler((each) => seen.push(['outer', each]));
  const inner = setExceptionHandler((each) => seen.push(['inner', each]));
  reportException(context);
  inner[Symbol.dispose]();
  reportException(context);
  assert.deepEqual(seen, [
    ['inner', context],
    ['outer', context],
  ]);
});

test('handlers disposed in another order than they were set: one that is gone does not come back', () => {
  const seen: string[] = [];
  using _ = setExceptionHandler(() => seen.push('base'));
  const first = setExceptionHandler(() => seen.push('first'));
  const second = setExceptionHandler(() => seen.push('second'));
  first[Symbol.dispose]();
  reportException({ message: '', error: undefined });
  second[Symbol.dispose]();
  reportException({ message: '', error: undefined });
  assert.deepEqual(seen, ['second', 'base']);
});

test('one function set twice needs two disposals', () => {
  let calls = 0;
  const handler = (): void => void calls++;
  using _ = setExceptionHandler(handler);
  setExceptionHandler(handler)[Symbol.dispose]();
  reportException({ message: '', error: undefined });
  assert.equal(calls, 1);
});

test('a handler that throws: the error it was given and its own go to standard error', () => {
  using _ = setExceptionHandler(() => {
    throw new Error('handler broken');
  });
  const text = captureStderr(() => reportException({ message: 'Something happened', error: new Error('the first') }));
  assert.match(
    text,
    /maitre: Something happened\nError: the first[\s\S]*maitre: The exception handler itself failed\nError: handler broken/,
  );
});

test('setExceptionHandler throws for what is no function', () => {
  assert.throws(() => setExceptionHandler(undefined as never), TypeError);
});
