// What `maitre serve` tells systemd, with a listener in the place of systemd.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { endsWith, Folder, startServing } from '../support/program.js';
import { noSystemdNotify, SystemdListener } from '../support/systemd-listener.js';
import { test } from '../support/test.js';

const ECHO = 'export default async (reader, writer) => writer.write(await reader.read(100));';

test(
  'one process says when it serves, that it is alive, and when it ends; FILE does not speak for it',
  async () => {
    using folder = new Folder();
    await using listener = await SystemdListener.open(join(folder.path, 'notify'));
    const text =
      "console.log('variables', Object.keys(process.env).filter((name) => /NOTIFY|WATCHDOG/.test(name)).length);";
    const file = folder.write('echo.mjs', `${text}\n${ECHO}`);
    const env = { NOTIFY_SOCKET: listener.path, WATCHDOG_USEC: '1000000' };
    await using serving = await startServing([file], { env });
    assert.match(serving.program.stdout, /^variables 0\n/m);
    const ready = await listener.sees(/^READY=1$/);
    assert.deepEqual(ready, ['READY=1', `STATUS=serving ${file} on 127.0.0.1:${serving.port}`]);
    assert.deepEqual(listener.messages[0], ready, 'said something before');
    await serving.program.sees(/^maitre: telling systemd through (?:systemd-notify|unix-dgram)\n/m, 'stderr');
    await listener.sees(/^WATCHDOG=1$/);
    await endsWith(serving.program, 'SIGTERM', 0, 10_000);
    assert.deepEqual(await listener.sees(/^STOPPING=1$/), ['STOPPING=1', 'STATUS=stopping']);
  },
  { skip: noSystemdNotify },
);

test('a socket that nobody listens on is one line, and everything is served', async () => {
  using folder = new Folder();
  const env = { NOTIFY_SOCKET: join(folder.path, 'nobody') };
  await using serving = await startServing([folder.write('echo.mjs', ECHO)], { env });
  await serving.program.sees(/^maitre: cannot tell systemd: .+\n/m, 'stderr');
  const { stderr } = await endsWith(serving.program, 'SIGTERM', 0, 10_000);
  assert.equal(stderr.match(/cannot tell/g)?.length, 1, stderr);
});
