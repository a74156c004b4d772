// Where the package of a driver is not installed: a folder with a copy of the compiled code, and nothing beside it.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { missingPackage } from '#src/database/missing-package.js';
import { temporaryFolder } from 'maitre/files';
import type { createPool as mysql } from 'maitre/mysql';
import { root } from '../meta/source-files.js';
import { test } from '../support/test.js';

for (const [door, name] of [
  ['mysql', 'mysql2'],
  ['postgres', 'pg'],
] as const) {
  test(`createPool of maitre/${door} without ${name} throws an error with the command that installs it`, async () => {
    using folder = temporaryFolder();
    cpSync(join(root, 'dist'), join(folder.path, 'dist'), {
      recursive: true,
      filter: (path) => !path.includes('page'),
    });
    const { href } = pathToFileURL(join(folder.path, `dist/${door}/create-pool.js`));
    const { createPool } = (await import(href)) as { createPool: typeof mysql }; // a copy of that file
    assert.throws(
      () => createPool({}),
      new RegExp(`^Error: Cannot create pool: maitre/${door} needs the package ${name}.*\\n    npm install ${name}$`),
    );
  });
}

test('what a package itself lacks is another error', () => {
  const error = Object.assign(new Error("Cannot find module 'long'"), { code: 'MODULE_NOT_FOUND' });
  assert.equal(missingPackage(error, 'maitre/mysql', 'mysql2'), error);
});
