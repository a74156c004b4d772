// Bank transfer: both databases at once. `node scripts/bank-transfer.mjs` runs it with ten restarts of each.
import { runBank } from '../support/bank.js';
import { bothDatabases } from '../support/databases.js';
import { test } from '../support/test.js';

const seed = Number(process.env['BANK_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const restarts = Number(process.env['BANK_RESTARTS'] ?? 2);
const databases = await bothDatabases();
const present = databases.filter(({ skip }) => skip === undefined);
const names = present.map(({ name }) => name).join(' and ');

test(
  `${names}: after random cancels, crashes and restarts, every account agrees with the ledger and nothing is left`,
  async () => {
    const results = await Promise.allSettled(present.map((database) => runBank(database, seed, restarts)));
    for (const result of results) {
      if (result.status === 'rejected') {
        const { reason: cause } = result;
        throw new Error(`With BANK_SEED=${seed} BANK_RESTARTS=${restarts}: ${String(cause)}`, { cause });
      }
      if (process.env['BANK_RESTARTS'] !== undefined) console.log(JSON.stringify(result.value));
    }
  },
  { timeout: restarts > 2 ? 120_000 : 45_000, skip: present.length === 0 },
);

for (const { name, skip } of databases) {
  if (skip !== undefined) test(`${name}: the same`, () => undefined, { skip });
}
