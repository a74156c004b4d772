import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openConnection, sleep, startServer } from 'maitre';
import { Program, root } from '../../support/program.js';
import { test } from '../../support/test.js';

/** Runs Node to its end; its standard error may be closed at once. */
function play(
  args: readonly string[],
  closeStderr: boolean,
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  if (closeStderr) child.stderr.destroy();
  else child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

test('a report on a broken standard error does not end the process, and leaves no listener', async () => {
  const file = fileURLToPath(new URL('fixtures/reports.js', import.meta.url));
  const { code, out } = await play([file], true);
  assert.deepEqual([code, out], [0, 'still here 0\n']);
});

test('a second copy of maitre in one process is warned of, once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'maitre-'));
  try {
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const [mine, other] = [root, folder].map((at) => pathToFileURL(join(at, 'dist')).href);
    const both = `await import('${mine}/index.node.js'); await import('${mine}/core.node.js'); await import('${other}/index.node.js'); await import('${other}/testing.node.js')`;
    const { code, err } = await play(['--input-type=module', '-e', both], false);
    assert.equal(code, 0, err);
    assert.equal(err.split('Two copies of maitre are loaded').length - 1, 1, err);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('fake timers in place of the globals hang neither a sleep nor a server', async () => {
  const names = ['setTimeout', 'setImmediate', 'clearTimeout', 'performance'] as const;
  const real = names.map(
    (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name) as PropertyDescriptor] as const,
  );
  for (const name of names) {
    const value = name === 'performance' ? { now: () => 0 } : () => ({ unref: () => undefined });
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    await sleep(5);
    await sleep(0);
    const server = await startServer((_reader, writer) => writer.write('hi\n'), {
      host: '127.0.0.1',
      port: 0,
    });
    const { port } = server.addresses[0] as { port: number }; // it listens on one address
    const { reader, writer } = await openConnection({ host: '127.0.0.1', port });
    assert.equal(String(await reader.read()), 'hi\n');
    writer.close();
    await server.shutdown({ grace: 100 });
  } finally {
    for (const [name, descriptor] of real) Object.defineProperty(globalThis, name, descriptor);
  }
});

// ---- what it prints of errors that nobody took ----

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
