// What every test process on Node is started with (scripts/test-preload.mjs), and how several files share one
// (scripts/test-group.mjs).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Folder, Program, root } from '../support/program.js';
import { test } from '../support/test.js';

const PRELOAD = `--import=${pathToFileURL(join(root, 'scripts/test-preload.mjs')).href}`;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
}

function runTests(text: string): Promise<Outcome> {
  return runGroup({ 'some.test.js': text });
}

/** Runs files in one process. A single one is the program itself. */
async function runGroup(texts: Readonly<Record<string, string>>): Promise<Outcome> {
  using folder = new Folder();
  const files = Object.entries(texts).map(([name, text]) =>
    folder.write(name, `import { test } from 'node:test';\n${text}`),
  );
  folder.write('package.json', '{ "type": "module" }');
  const group = files.length === 1 ? [] : [join(root, 'scripts/test-group.mjs')];
  const reporter = ['--test-reporter=spec', '--test-reporter-destination=stdout'];
  await using program = new Program([PRELOAD, ...reporter, ...group, ...files]);
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

test('files of a group run one after the other, and each is reported behind its tests', async () => {
  const file = (name: string): string => `
console.log('${name} begins');
test('${name} tests', async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  console.log('${name} ends');
});`;
  const { code, stdout } = await runGroup({ 'one.test.js': file('one'), 'two.test.js': file('two') });
  assert.equal(code, 0, stdout);
  const order = stdout.match(/^\w+ (?:begins|ends)$/gm);
  assert.deepEqual(order, ['one begins', 'one ends', 'two begins', 'two ends']);
  assert.match(stdout, /one tests [^]*end of \S+one\.test\.js [^]*two tests [^]*end of \S+two\.test\.js /);
  assert.match(stdout, /^ℹ \S+two\.test\.js took 0\.\d+ s$/m);
});

test('one failure fails the group, and the others still run', async () => {
  const { code, stdout } = await runGroup({
    'one.test.js': "test('bad', () => { throw new Error('bad'); });",
    'two.test.js': "test('good', () => undefined);",
  });
  assert.equal(code, 1);
  assert.match(stdout, /✖ bad[^]*✔ good/);
});
