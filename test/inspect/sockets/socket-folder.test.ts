import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { pidOfSocket, prepareSocketFolder, socketNames } from '#src/inspect/sockets/index.js';
import { Folder, Program, root } from '../../support/program.js';
import { test } from '../../support/test.js';
import { inspected } from '../viewer.js';

const isRoot = process.getuid?.() === 0;

describe('the folder of control sockets', () => {
  test('is made for this user alone, and may be there already', () => {
    using folder = new Folder();
    const path = join(folder.path, 'maitre');
    prepareSocketFolder(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    prepareSocketFolder(path);
  });

  test('is refused if it is a link, even to a folder of ours', () => {
    using folder = new Folder();
    mkdirSync(join(folder.path, 'real'), { mode: 0o700 });
    symlinkSync('real', join(folder.path, 'maitre'));
    assert.throws(() => prepareSocketFolder(join(folder.path, 'maitre')), /InvalidStateError: .*is a symbolic link/);
  });

  test('is refused if others can enter it', () => {
    using folder = new Folder();
    const path = join(folder.path, 'maitre');
    mkdirSync(path);
    for (const mode of [0o777, 0o770, 0o701, 0o750]) {
      chmodSync(path, mode);
      assert.throws(() => prepareSocketFolder(path), new RegExp(`has the mode ${mode.toString(8)}`));
    }
  });

  test('is refused if it is a file', () => {
    using folder = new Folder();
    writeFileSync(join(folder.path, 'maitre'), '');
    assert.throws(() => prepareSocketFolder(join(folder.path, 'maitre')), /is not a folder/);
  });

  test(
    'is refused if it belongs to someone else',
    () => {
      using folder = new Folder();
      const path = join(folder.path, 'maitre');
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, 12_345, 12_345);
      assert.throws(() => prepareSocketFolder(path), /belongs to the user 12345/);
    },
    { skip: isRoot ? false : 'only root can give a folder away' },
  );

  test('has names for sockets, which say the process', () => {
    const names = socketNames(4242);
    assert.deepEqual(names.slice(0, 2), ['4242.sock', '4242-2.sock']);
    assert.deepEqual(new Set(names.map(pidOfSocket)), new Set([4242]));
    for (const name of ['4242.sock~', 'sock', '-2.sock', '4242-10.sock', 'a4242.sock', '4242.sock.sock'])
      assert.equal(pidOfSocket(name), undefined, name);
  });

  test('holds a socket that only its user may use', async () => {
    await using it = await inspected('blocks');
    assert.equal(statSync(it.socket).mode & 0o777, 0o600);
    assert.match(it.socket, new RegExp(`/maitre/${it.program.child.pid}\\.sock$`));
  });

  test(
    'has room for processes of containers with the same number, and takes over what is left of one',
    async () => {
      using folder = new Folder();
      const text = `
      import { startInspector } from 'maitre/inspect';
      Object.defineProperty(process, 'pid', { value: 1 });
      const { socket } = await startInspector();
      console.log('socket ' + socket);
      process.stdin.resume();`;
      const start = (): Program =>
        new Program(['--input-type=module', '-e', text], { cwd: root, env: { XDG_RUNTIME_DIR: folder.path } });
      await using first = start();
      await first.sees(/\/maitre\/1\.sock$/m);
      await using second = start();
      await second.sees(/\/maitre\/1-2\.sock$/m);
      first.signal('SIGKILL');
      await first.ended();
      await using third = start();
      await third.sees(/\/maitre\/1\.sock$/m);
    },
    { skip: 'deno' in process.versions ? 'the number of the process cannot be set' : false },
  );
});
