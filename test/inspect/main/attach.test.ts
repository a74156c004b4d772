import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { isPreloaded, optionsOf } from '#src/inspect/main/attach.js';
import { Folder, Program, root } from '../../support/program.js';
import { test } from '../../support/test.js';
import { Viewer } from '../viewer.js';

const url = 'file:///app/node_modules/maitre/dist/inspect.node.js';
const names = ['maitre/inspect', url];

describe('attaching', () => {
  test('a module counts as preloaded by a flag that names it, in each form', () => {
    for (const flags of [['--import', 'maitre/inspect'], ['--import=maitre/inspect'], [`--import=${url}`], ['-r', url]])
      assert.equal(isPreloaded(['--no-warnings', ...flags], names), true, flags.join(' '));
    for (const flags of [[], ['--import', 'tsx'], ['maitre/inspect'], ['--conditions', 'maitre/inspect'], ['--import']])
      assert.equal(isPreloaded(flags, names), false, flags.join(' '));
  });

  test('MAITRE_INSPECT is a list of words', () => {
    assert.deepEqual(optionsOf('1'), {});
    assert.deepEqual(optionsOf('1,control'), { control: true });
    assert.throws(() => optionsOf('contrl'), /unknown word "contrl", expected 1, true, control, record, web/);
    assert.throws(() => optionsOf('constructor'), /unknown word/);
  });

  const program = `import { sleep } from 'maitre'; process.stdin.once('data', () => process.exit()); await sleep(60000);`;
  const foreign = `process.stdin.once('data', () => process.exit());`;

  for (const [how, args, env, text] of [
    ['by MAITRE_INSPECT', [], { MAITRE_INSPECT: 'control' }, program],
    ['by a flag', ['--import', 'maitre/inspect'], { MAITRE_INSPECT: 'control' }, foreign],
    ['by NODE_OPTIONS', [], { NODE_OPTIONS: '--import maitre/inspect', MAITRE_INSPECT: 'control' }, foreign],
  ] as const) {
    test(`an inspector is attached ${how}`, async () => {
      using folder = new Folder();
      await using running = new Program([...args, '--input-type=module', '-e', text], {
        cwd: root,
        env: { XDG_RUNTIME_DIR: folder.path, ...env },
      });
      const path = join(folder.path, `maitre/${running.child.pid}.sock`);
      await until(() => existsSync(path));
      await using viewer = await Viewer.open(path);
      assert.equal((await viewer.ask('hello')).control, true);
    });
  }

  const imports = `import 'maitre'; import 'maitre/inspect'; console.log('loaded'); process.stdin.resume();`;
  for (const [what, args, env] of [
    ['only imports the doors', [], {}],
    [
      'is told by MAITRE_INSPECT to have none, whatever its flags',
      ['--import', 'maitre/inspect'],
      { MAITRE_INSPECT: '0' },
    ],
  ] as const) {
    test(`a program that ${what} has no inspector`, async () => {
      using folder = new Folder();
      await using running = new Program([...args, '--input-type=module', '-e', imports], {
        cwd: root,
        env: { XDG_RUNTIME_DIR: folder.path, ...env },
      });
      await running.sees(/loaded/);
      assert.deepEqual(readdirSync(folder.path), []);
      assert.doesNotMatch(running.stderr, /inspector/);
    });
  }

  for (const [options, outcome] of [
    [
      '',
      /^has \S+maitre\/\d+\.sock true InvalidStateError: Cannot start inspector: one runs already, close it first$/m,
    ],
    ['{ control: true, web: undefined, record: false }', /^has \S+maitre\/\d+\.sock true InvalidStateError: /m],
    [
      '{ web: true }',
      /^InvalidStateError: Cannot start inspector: MAITRE_INSPECT or a flag has attached one with another web; name it/m,
    ],
    ['{ control: false }', /^InvalidStateError: .* has attached one with another control; /m],
  ] as const) {
    test(`startInspector(${options}) where one is attached returns it, or says what differs`, async () => {
      using folder = new Folder();
      const text = `import { existsSync } from 'node:fs';
        import { startInspector } from 'maitre/inspect';
        const path = process.env.XDG_RUNTIME_DIR + '/maitre/' + process.pid + '.sock';
        while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
        try {
          const own = await startInspector(${options});
          const again = await startInspector().catch((error) => error);
          const { socket } = own;
          await own.close();
          console.log('has', socket, own.closed, String(again));
          await (await startInspector({ socket: false })).close();
        } catch (error) { console.log(String(error)); }`;
      await using running = new Program(['--input-type=module', '-e', `import 'maitre';\n${text}`], {
        cwd: root,
        env: { XDG_RUNTIME_DIR: folder.path, MAITRE_INSPECT: 'control' },
      });
      const { code, stdout, stderr } = await running.ended();
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, outcome);
      assert.equal(stdout.split('\n').length, 2, stdout);
    });
  }

  test('what is wrong with MAITRE_INSPECT is reported, and the program goes on', async () => {
    await using running = new Program(['--input-type=module', '-e', `import 'maitre'; setTimeout(() => {}, 300);`], {
      cwd: root,
      env: { MAITRE_INSPECT: 'nonsense' },
    });
    const { code, stderr } = await running.ended();
    assert.equal(code, 0);
    assert.match(stderr, /The inspector did not start[^]*unknown word "nonsense"/);
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}
