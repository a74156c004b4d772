import assert from 'node:assert/strict';
import { execArgvOfWorkers } from '#src/hosts/node/exec-argv.js';
import { test } from '../../support/test.js';

test('workers have the options of their supervisor, without those for one process and their values', () => {
  const own = ['--import', 'tsx', '--inspect-port', '9230', '--inspect', '--watch-path=src', '--watch-path', 'src'];
  assert.deepEqual(execArgvOfWorkers([...own, '-r', './a.cjs', '--test-name-pattern', 'soup', '--no-warnings']), [
    ...['--import', 'tsx'],
    ...['-r', './a.cjs'],
    '--no-warnings',
  ]);
});
