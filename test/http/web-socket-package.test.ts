import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBun } from '../net/sockets.js';
import { test } from '../support/test.js';

test(
  'without ws, an upgrade fails with the command that installs it',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'maitre-'));
    try {
      // It imports nothing but what Node has.
      const file = new URL('http/web-socket-package.js', import.meta.resolve('maitre'));
      copyFileSync(fileURLToPath(file), join(folder, 'web-socket-package.js'));
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
      writeFileSync(
        join(folder, 'main.js'),
        `import { upgrader } from './web-socket-package.js';
         try {
           upgrader({});
         } catch (error) {
           console.log(error.code, error.message, error.cause instanceof Error);
         }`,
      );
      const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'main.js')], { encoding: 'utf8' });
      assert.equal(stderr, '');
      assert.equal(
        stdout,
        'ERR_MODULE_NOT_FOUND Cannot upgrade to WebSocket: the package ws cannot be loaded, install it with: npm install ws true\n',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  { skip: isBun && 'Bun has a ws of its own in place of the package' },
);
