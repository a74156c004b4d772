import assert from 'node:assert/strict';
import { Index } from '#src/introspect/named.js';
import { waitWords } from '#src/introspect/wait-words.js';
import { test } from '../support/test.js';
import { place, resource, snapshot, task, wait } from './rows.js';

test('a wait for a statement shows the beginning of its text, in one line and without control characters', () => {
  const of = (statement: string | undefined): string => {
    const row = wait('mysql.query', { resource: 'database connection:1', place: 0 });
    const connection = resource('database connection', 1, { statistics: { statement } });
    const tasks = [task(1, 'report', [row])];
    return waitWords(row, new Index(snapshot({ tasks, resources: [connection], places: [place('report.ts:4')] })));
  };
  assert.equal(of('SELECT 1'), 'wait in mysql.query: SELECT 1 at report.ts:4');
  assert.equal(of('SELECT \u001B[31m'), 'wait in mysql.query: SELECT \\x1b[31m at report.ts:4');
  assert.equal(of(`SELECT ${'x'.repeat(100)}`), `wait in mysql.query: SELECT ${'x'.repeat(53)}... at report.ts:4`);
  assert.equal(of(undefined), 'wait in mysql.query at report.ts:4');
});
