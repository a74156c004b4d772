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

test('a wait for a job on another machine says which job, on which machine, and which attempt', () => {
  const of = (statistics: object): string => {
    const job = resource('job', 1, { label: 'cook of menu', parent: 'executor:1', statistics: { ...statistics } });
    const executor = resource('executor', 1, { name: 'far', statistics: { machines: [] } });
    const row = wait('executor.call', { resource: 'job:1', place: 0 });
    return waitWords(row, new Index(snapshot({ resources: [job, executor], places: [place('bank.ts:4')] })));
  };
  assert.equal(of({ state: 'queued' }), 'wait for cook of menu in the queue at bank.ts:4');
  assert.equal(of({ state: 'running', attempt: 1 }), 'wait for cook of menu (attempt 1) at bank.ts:4');
  assert.equal(
    of({ state: 'running', attempt: 2, machine: 'vm3:4711' }),
    'wait for cook of menu on vm3:4711 (attempt 2) at bank.ts:4',
  );
});
