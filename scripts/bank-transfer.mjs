// node scripts/bank-transfer.mjs [SEED [RESTARTS]]: the test "bank transfer" in full: both databases, ten restarts of each. In
// `npm test` it has two. Prints what happened, and the seed of a failure. Half a minute; needs MariaDB or PostgreSQL.

import { spawnSync } from 'node:child_process';
import { build } from './build.mjs';
import { root, setUp } from './setup.mjs';

setUp();
if (!(await build())) process.exit(1);
const [seed = String(Date.now() % 2 ** 31), restarts = '10'] = process.argv.slice(2);
const { status } = spawnSync(process.execPath, ['build/test/database/bank.test.js'], {
  cwd: root,
  stdio: 'inherit',
  timeout: 180_000,
  env: { ...process.env, BANK_SEED: seed, BANK_RESTARTS: restarts },
});
process.exitCode = status ?? 1;
