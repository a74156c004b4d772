import assert from 'node:assert/strict';
import {
  createTask,
  type ExceptionContext,
  gather,
  race,
  retry,
  setExceptionHandler,
  TaskGroup,
  waitFor,
} from 'maitre';
import { reportException } from 'maitre/lowlevel';
import { noteError, watchErrors } from '#src/base/index.js';
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

test('of a brief context the default prints the message alone', () => {
  using _ = setExceptionHandler(() => {
    throw new Error('back to the default');
  });
  const context = { message: 'A client was refused: it is blocked', error: new Error('with a stack') };
  const printed = captureStderr(() => reportException({ ...context, brief: true }));
  assert.ok(printed.startsWith(`maitre: ${context.message}\nmaitre: The exception handler itself failed\n`), printed);
  assert.match(
    captureStderr(() => reportException(context)),
    /\nError: with a stack\n {4}at /,
  );
});

test('setExceptionHandler throws for what is no function', () => {
  assert.throws(() => setExceptionHandler(undefined as never), TypeError);
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable(new Error('revoked'), {});
  revoke();
  return proxy;
}

function unreadable(): Error {
  return Object.create(new Error('unreadable'), {
    message: {
      get: () => {
        throw new Error('message');
      },
    },
    stack: {
      get: () => {
        throw new Error('stack');
      },
    },
  }) as Error;
}

test('the default report never throws, whatever was thrown, and says what happened', () => {
  using _ = setExceptionHandler(() => {
    throw revoked(); // back to the default
  });
  for (const error of [revoked(), unreadable()]) {
    assert.match(
      captureStderr(() => reportException({ message: 'It broke', error })),
      /^maitre: It broke\n.+/,
    );
  }
});

test('what cannot be read ends a task, a group, a gather, a race, a retry like any error', async () => {
  for (const error of [revoked(), unreadable()]) {
    const fail = async (): Promise<never> => {
      throw error;
    };
    const starts = [
      () => createTask(fail),
      () => gather([fail]),
      () => waitFor(fail, 1000),
      () => race([fail]),
      () => retry(fail, { attempts: 2, backoff: 1 }),
    ];
    for (const start of starts) {
      // In an object: a promise that is resolved with a revoked Proxy looks for its `then`.
      const caught = await start().then(
        () => undefined,
        (reason: unknown) => ({ reason }),
      );
      assert.ok(caught?.reason === error);
    }
    await assert.rejects(
      TaskGroup.run((group) => void group.createTask(fail)),
      { name: 'TaskGroupError' },
    );
  }
});

test('the default report says "probably" of a place that was guessed, and not of one that was captured', () => {
  using _ = setExceptionHandler(() => {
    throw new Error('back to the default');
  });
  for (const [createdAtGuessed, line] of [
    [true, /\n {4}probably created at here\n/],
    [false, /\n {4}created at here\n/],
  ] as const) {
    const context = { message: 'It broke', error: new Error('e'), createdAt: 'here', createdAtGuessed };
    assert.match(
      captureStderr(() => reportException(context)),
      line,
    );
  }
});

test('watchers see each error before the handler does, and neither those of peers nor their own', () => {
  const seen: string[] = [];
  using _ = setExceptionHandler(({ message }) => void seen.push(`handler: ${message}`));
  const watching = watchErrors(({ message }) => {
    seen.push(`watcher: ${message}`);
    throw new Error('a watcher failed');
  });
  reportException({ message: 'a', error: 1 });
  reportException({ message: 'Lost client 7', error: 1, brief: true });
  noteError({ message: 'b', error: 1 });
  watching[Symbol.dispose]();
  reportException({ message: 'c', error: 1 });
  assert.deepEqual(seen, ['watcher: a', 'handler: a', 'handler: Lost client 7', 'watcher: b', 'handler: c']);
});
