// The viewers' side of the control socket, where something else happens at the same time.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { probe } from '#src/cli/inspect-client.js';
import { startFake } from '../support/fake-inspector.js';
import { Folder } from '../support/program.js';
import { test } from '../support/test.js';

test('the file of a dead socket is removed, unless another process has put its own there meanwhile', async () => {
  using folder = new Folder();
  await using dead = await startFake({}, 1_999_999_998, folder);
  await using other = await startFake({}, 1_999_999_999, folder);
  await dead.die();
  await other.die(); // made, and not yet listening, is as dead to those who connect
  const socket = { pid: 1_999_999_998, path: dead.path };
  const probing = probe(socket); // it has looked at the file by now
  renameSync(other.path, dead.path);
  assert.deepEqual(await probing, { state: 'gone' });
  assert.ok(existsSync(dead.path), 'the file of the other one stays');
  assert.deepEqual(await probe(socket), { state: 'gone' });
  assert.ok(!existsSync(dead.path), 'nobody has changed it this time');
  assert.equal(existsSync(dirname(dead.path)), true);
});

test('a socket that has the inode number of the dead one is another one', async () => {
  using folder = new Folder();
  await using dead = await startFake({}, 1_999_999_998, folder);
  await dead.die();
  const before = lstatSync(dead.path);
  const probing = probe({ pid: 1_999_999_998, path: dead.path });
  // File systems give the number of a removed file to the next one: same number, later time.
  do chmodSync(dead.path, 0o600);
  while (lstatSync(dead.path).ctimeMs === before.ctimeMs);
  assert.equal(lstatSync(dead.path).ino, before.ino);
  assert.deepEqual(await probing, { state: 'gone' });
  assert.ok(existsSync(dead.path));
});
