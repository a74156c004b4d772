// What every test process on Node is started with (scripts/test-preload.mjs).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Folder, Program, root } from '../support/program.js';
import { test } from '../support/test.js';

const PRELOAD = `--import=${pathToFileURL(join(root, 'scripts/test-preload.mjs')).href}`;

async function runTests(text: string): Promise<{ code: number | null; stdout: string }> {
  using folder = new Folder();
  const file = folder.write('some.test.js', `import { test } from 'node:test';\n${text}`);
  folder.write('package.json', '{ "type": "module" }');
  await using program = new Program([PRELOAD, '--test-reporter=spec', '--test-reporter-destination=stdout', file]);
  return await program.ended();
}

test('an error and a rejection that nobody catches fail their file, and are named', async () => {
  for (const late of ["setTimeout(() => { throw new Error('late'); })", "void Promise.reject(new Error('late'))"]) {
    const { code, stdout } = await runTests(
      `test('it', async () => { ${late}; await new Promise((resolve) => setTimeout(resolve, 50)); });`,
    );
    assert.equal(code, 1, stdout);
    assert.match(stdout, /^ℹ Error: .*late/m);
  }
});

test('node:test watches no promise, and tests inside tests still belong to them', async () => {
  const { code, stdout } = await runTests(`
import { createHook, executionAsyncId } from 'node:async_hooks';
test('it', async (context) => {
  await null;
  if (executionAsyncId() !== 0) throw new Error('somebody watches');
  const hook = createHook({ init() {} });
  if (hook.enable() !== hook) throw new Error('the hooks of tests do nothing');
  hook.disable();
  await context.test('inner', () => { throw new Error('as it should'); });
});`);
  assert.equal(code, 1);
  assert.match(stdout, /✖ inner[^]*as it should/);
  assert.doesNotMatch(stdout, /somebody watches|do nothing/);
});

test('suites keep their tests, and hooks of files and suites run after them', async () => {
  const { code, stdout } = await runTests(`
import { after, before, describe } from 'node:test';
const timer = setInterval(() => {}, 1000); // only a hook ends the process
before(async () => {
  await null;
  console.log('first');
});
after(() => {
  clearInterval(timer);
  console.log('last');
});
test('it', async () => void (await null));
describe('suite', () => {
  after(() => console.log('after the suite'));
  test('inner', async () => void (await null));
});`);
  assert.equal(code, 0, stdout);
  const order = stdout.match(/first|after the suite|last/g);
  assert.deepEqual(order, ['first', 'after the suite', 'last']);
  assert.match(stdout, /^ℹ suites 1$/m);
});
