import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { createTask, Lock, sleep } from 'maitre';
import { dumpText, takeSnapshot } from '#src/introspect/index.js';
import { fakeTest } from '../support/test.js';

describe('dumpText', () => {
  fakeTest('says what each task waits for, on lines that no name can break', async () => {
    const ledger = new Lock({ name: 'ledger' });
    await ledger.acquire();
    const wants = createTask(() => ledger.acquire(), { name: 'wants\n\x1b[31mit', eager: true });
    await sleep(2000);
    const lines = dumpText(takeSnapshot()).split('\n');
    assert.match(
      lines.join('\n'),
      /^[^]*task "wants\\n\\(?:x|u00)1b\[31mit": waits for lock "ledger", held by .* for 2/m,
    );
    assert.ok(lines.some((line) => /1 task waits for lock "ledger"/.test(line)));
    ledger.release();
    await wants;
    ledger.release();
  });

  fakeTest('is bounded', async () => {
    const tasks = Array.from({ length: 500 }, () => createTask(() => sleep(10), { eager: true }));
    const lines = dumpText(takeSnapshot()).split('\n');
    assert.ok(lines.length < 130, `${lines.length} lines`);
    assert.match(lines.at(-1) ?? '', /and 40\d more/);
    for (const task of tasks) await task;
  });
});
