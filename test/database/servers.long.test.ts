// The database servers that the other tests talk to: they start, end, come back on the same port, and never outlive the
// process that started them.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DatabaseServer } from '../support/database-server.js';
import { Mariadb, noMariadb } from '../support/mariadb.js';
import { noPostgres, Postgres } from '../support/postgres.js';
import { Program } from '../support/program.js';
import { test } from '../support/test.js';
import { setTimeout as delay } from 'node:timers/promises';

const kinds: readonly [name: string, start: () => Promise<DatabaseServer>, skip: string | undefined, module: string][] =
  [
    ['Mariadb', () => Mariadb.start(), noMariadb, '../support/mariadb.js'],
    ['Postgres', () => Postgres.start(), noPostgres, '../support/postgres.js'],
  ];

for (const [name, start, skip, module] of kinds) {
  test(
    `${name} keeps its port and its rows through a restart and a crash`,
    async () => {
      await using server = await start();
      const { port } = server;
      await server.query('CREATE TABLE kept (id int)');
      await server.query('INSERT INTO kept VALUES (7)');
      await server.restart();
      assert.deepEqual({ ...(await server.query('SELECT id FROM kept'))[0] }, { id: 7 });
      await server.kill();
      assert.ok(!server.isRunning);
      await server.start();
      assert.deepEqual({ ...(await server.query('SELECT id FROM kept'))[0] }, { id: 7 });
      assert.equal(server.port, port);
    },
    { timeout: 50_000, skip },
  );

  test(
    `${name} ends, and its folder goes, when the process that started it is killed`,
    async () => {
      const script = `import { ${name} } from ${JSON.stringify(fileURLToPath(new URL(module, import.meta.url)))};
        const { folder } = await ${name}.start();
        console.log('in', folder);
        setInterval(() => {}, 1000);`;
      await using program = new Program(['--input-type=module', '-e', script], { command: 'node' });
      const [, folder = ''] = await program.sees(/in (\S+)\n/);
      assert.ok(existsSync(folder));
      program.signal('SIGKILL');
      await program.ended();
      while (existsSync(folder)) await delay(20);
    },
    { timeout: 50_000, skip },
  );
}
