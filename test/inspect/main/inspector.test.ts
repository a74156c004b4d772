import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe } from 'node:test';
import { openConnection, startServer } from 'maitre';
import { test } from '../../support/test.js';
import { inspected, Viewer, withEnvironment } from '../viewer.js';

describe('Inspector', () => {
  test('a viewer is told which process it is, and sees its tasks', async () => {
    await using it = await inspected('blocks');
    const hello = await it.viewer.ask('hello');
    assert.equal(hello.process.pid, it.program.child.pid);
    assert.equal(hello.protocol, 1);
    const { snapshot, fresh } = await it.viewer.ask('snapshot');
    assert.equal(fresh.how, 'asked');
    assert.ok(snapshot.tasks.some(({ name }) => name === 'innocent'));
  });

  test('does not keep the process alive, leaves no file, and prints nothing', async () => {
    await using it = await inspected('blocks');
    it.program.child.stdin?.write('end\n');
    const { code, stderr } = await it.program.ended();
    assert.equal(code, 0);
    assert.equal(stderr, '');
    assert.equal(existsSync(it.socket), false);
  });

  test('process.exit() with a viewer in the middle of a question prints nothing', async () => {
    await using it = await inspected('blocks', 'exits');
    const asked = it.viewer.ask('snapshot').catch(() => undefined);
    it.program.child.stdin?.write('go\n');
    const { code, stderr } = await it.program.ended();
    await asked;
    assert.equal(code, 7);
    assert.equal(stderr, '');
    assert.equal(existsSync(it.socket), false);
  });

  test(
    'the end of its thread is reported once, and the program goes on',
    async () => {
      await using it = await inspected('blocks', 'killsWorkers');
      it.program.child.stdin?.write('go\n');
      await it.program.sees(/^over$/m);
      const { code, stderr } = await it.program.ended();
      assert.equal(code, 0);
      assert.equal(stderr.match(/The inspector has ended; the program goes on/g)?.length, 1, stderr);
    },
    { skip: 'bun' in process.versions ? 'the fixture finds the thread by a channel that Bun has not' : false },
  );

  test('a viewer that does not read delays no other', async () => {
    await using it = await inspected('blocks', 'manyTasks');
    await it.begin();
    await it.program.sees(/^over$/m);
    await using deaf = await openConnection({ path: it.socket });
    for (let id = 1; id <= 200; id++) deaf.writer.write(`${JSON.stringify({ id, method: 'snapshot' })}\n`);
    for (let i = 0; i < 20; i++) {
      const { snapshot, fresh } = await it.viewer.ask('snapshot');
      // A loaded machine may answer with the one put aside, which may be from before the tasks.
      assert.ok(fresh.how === 'stale' || snapshot.tasks.length >= 500);
    }
    deaf.abort();
  });

  test('what it cannot listen on is an error with its code, leaves no socket, and another one can start', async () => {
    await using taken = await startServer(() => undefined, { host: '127.0.0.1' });
    await using it = await inspected('fails', String(taken.port));
    await it.program.sees(/^page: EADDRINUSE, 0 sockets$/m);
    await it.program.sees(/^path: (?:TypeError|RangeError|[A-Z]+)$/m);
    await it.program.sees(/^folder: E[A-Z]+$/m);
    assert.equal((await it.viewer.ask('hello')).protocol, 1);
  });

  test('refuses a second one, and wrong options', async () => {
    await using it = await inspected('blocks', 'startsTwice');
    await it.begin();
    await it.program.sees(/^InvalidStateError: Cannot start inspector: one runs already, close it first$/m);
    await it.program.sees(
      /^RangeError: Cannot start inspector: blockAfter must be a number of milliseconds > 0, got 0$/m,
    );
    await it.program.sees(/^TypeError: Cannot start inspector: unknown option "sokcet"$/m);
    await it.program.sees(/^closed and started again$/m);
  });

  test('cancels a task if control is allowed, and refuses otherwise', async () => {
    for (const control of ['control', 'none']) {
      await using it = await inspected('blocks', 'busyLoop', control);
      const { snapshot } = await it.viewer.ask('snapshot');
      const task = snapshot.tasks.find(({ name }) => name === 'innocent')?.id ?? 0;
      const response = await it.viewer.response('cancel', { task });
      if (control === 'none') {
        assert.ok('error' in response);
        assert.equal(response.error.code, 'NOT_ALLOWED');
      } else {
        assert.ok('result' in response, JSON.stringify(response));
        assert.equal(response.result.outcome, 'done');
        // Until its end, which may take it some turns, a task can be cancelled again.
        let gone = await it.viewer.response('cancel', { task });
        while ('result' in gone && gone.result.outcome === 'done') gone = await it.viewer.response('cancel', { task });
        assert.ok('error' in gone || gone.result.outcome === 'ended');
      }
    }
  });
});

describe('the control socket', () => {
  test('answers what is wrong with a request, and goes on', async () => {
    await using it = await inspected('blocks');
    await using raw = await openConnection({ path: it.socket });
    const ask = async (line: string): Promise<string> => {
      raw.writer.write(`${line}\n`);
      return String(await raw.reader.readLine());
    };
    assert.match(await ask('{nonsense'), /"id":null,"error":\{"code":"BAD_REQUEST"/);
    assert.match(await ask('{"method":"hello"}'), /"id":null,"error":\{"code":"BAD_REQUEST"/);
    assert.match(await ask('{"id":1,"method":"constructor"}'), /"id":1,"error":\{"code":"UNKNOWN_METHOD"/);
    assert.match(await ask('{"id":2,"method":"snapshot","params":[]}'), /"id":2,"error":\{"code":"BAD_REQUEST"/);
    assert.match(await ask('{"id":3,"method":"hello"}'), /"id":3,"result"/);
    raw.writer.write('x'.repeat(100_000));
    assert.match(String(await raw.reader.readLine()), /"BAD_REQUEST","message":"a request has at most 65536 bytes"/);
    assert.equal(String(await raw.reader.readLine()), '');
    await using other = await Viewer.open(it.socket);
    assert.equal((await other.ask('hello')).protocol, 1);
  });

  test('a viewer that varies the rows is not asked for snapshots more often, and wrong numbers are refused', async () => {
    await using it = await inspected('blocks');
    const start = performance.now();
    for (const rows of [1, 2, 1, 2]) await it.viewer.ask('snapshot', { rows });
    assert.ok(performance.now() - start > 290, `${performance.now() - start} ms`);
    for (const rows of [-1, 1.5, null, '5', {}, [1]]) {
      const refused = await it.viewer.response('snapshot', { rows: rows as number });
      assert.ok('error' in refused && refused.error.code === 'BAD_REQUEST', JSON.stringify(rows));
    }
  });

  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const flag = major > 23 || (major === 22 && minor >= 13) ? '--permission' : '--experimental-permission';
  test(
    'under the permission model it runs, and blocks say which flag is missing',
    async () => {
      const flags = {
        NODE_OPTIONS: `${flag} --allow-worker ${major >= 25 ? '--allow-net' : ''} --allow-fs-read=* --allow-fs-write=*`,
      };
      await using it = await withEnvironment(flags, () => inspected('blocks', 'shortBlock'));
      await it.begin();
      const block = await it.viewer.block(({ over }) => over);
      assert.match(block.why ?? '', /forbids it without --allow-inspector/);
    },
    { skip: 'bun' in process.versions || 'deno' in process.versions },
  );
});
