// What the host of Node, Bun and Deno prints of errors that nobody took.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { Program, root } from '../../support/program.js';
import { test } from '../../support/test.js';

/** The standard error of a program in which a task fails with what `make` makes. */
async function reportOf(make: string): Promise<string> {
  const text = `import { createTask } from '${pathToFileURL(join(root, 'dist/index.node.js')).href}';
  createTask(() => { throw ${make}; }, { name: 'cook\\x1b]0;title\\x07' });`;
  await using program = new Program(['--input-type=module', '-e', text]);
  const { code, stderr } = await program.ended();
  assert.equal(code, 0, stderr);
  return stderr;
}

test('a report keeps the lines of a stack, and lets no other control character through', async () => {
  const report = await reportOf(`Object.assign(new Error('\\x1b[2Jsoup\\r\\x9b\\u2028\\x7f'), { seen: '\\x9b1m' })`);
  assert.match(report, /^maitre: .*cook\\x1b\]0;title\\x07.*\n/);
  assert.match(report, /\nError: \\x1b\[2Jsoup\\r\\x9b\\u2028\\x7f\n {4}at /);
  assert.doesNotMatch(report.replaceAll('\n', ''), /[\p{Cc}\p{Zl}\p{Zp}]/u);
});

test("no line of an error's message passes for a report of its own", async () => {
  const report = await reportOf(`new Error('line one\\nmaitre: line two\\n127.0.0.1:1  0 ms  done')`);
  assert.match(report, /\nError: line one\n {2}maitre: line two\n {2}127\.0\.0\.1:1 {2}0 ms {2}done\n {4}at /);
  assert.equal(report.match(/^maitre: /gm)?.length, 1);
});
