import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Program, root } from '../../support/program.js';
import { test } from '../../support/test.js';

const start = (body: string): Program =>
  new Program(['--input-type=module', '-e', `import { createTask, run, sleep } from 'maitre'; ${body}`], { cwd: root });

describe('SIGUSR2', () => {
  test('prints what tasks wait for while run() runs, and the program goes on', async () => {
    await using program = start(`await run(async () => {
      createTask(() => sleep(60000), { name: 'soup' });
      console.log('ready');
      await new Promise((resolve) => process.stdin.once('data', resolve));
    });
    process.exit(0);`);
    await program.sees(/ready/);
    program.signal('SIGUSR2');
    await program.sees(/maitre: [^]*task "soup": sleeps/, 'stderr');
    program.signal('SIGUSR2');
    await program.sees(/task "soup"[^]*task "soup"/, 'stderr');
    program.child.stdin?.write('end\n');
    assert.equal((await program.ended()).code, 0);
  });

  test('is the own of the program if it listens for it', async () => {
    await using program = start(`await run(async () => {
      process.on('SIGUSR2', async () => {
        await import('maitre/inspect'); // with all that a dump would have to load first
        setImmediate(() => console.log('mine'));
      });
      console.log('ready');
      await sleep(60000);
    });`);
    await program.sees(/ready/);
    program.signal('SIGUSR2');
    await program.sees(/mine/);
    assert.equal(program.stderr, '');
  });

  test('has its default effect without run(), and with handleSignals: false', async () => {
    for (const body of [
      `console.log('ready'); await sleep(60000);`,
      `await run(async () => { console.log('ready'); await sleep(60000); }, { handleSignals: false });`,
    ]) {
      await using program = start(body);
      await program.sees(/ready/);
      program.signal('SIGUSR2');
      assert.equal((await program.ended()).signal, 'SIGUSR2');
    }
  });
});
