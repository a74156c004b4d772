// What `maitre ps` shows: twelve lines, in which each client is counted once.
import assert from 'node:assert/strict';
import { widthOfLine } from '#src/console/cell-width.js';
import { groupsView } from '#src/console/groups-view.js';
import { plainLine, plainText } from '#src/console/line.js';
import { group, groupsResult } from '../support/fake-inspector.js';
import { test } from '../support/test.js';

/** The sum of the counts at the begin of the rows below the head. */
function sumOf(text: string): number {
  const [, rows = ''] = text.split(/^ *COUNT.*\n/m);
  return rows
    .split('\n')
    .reduce((sum, row) => sum + Number(/^ *([\d,]+) /.exec(row)?.[1]?.replaceAll(',', '') ?? 0), 0);
}

test('ten thousand clients that wait alike are one line (Kotlin/kotlinx.coroutines#3587)', () => {
  const text = plainText(groupsView(groupsResult([group(10_000, 'wait in readLine at chat.ts:14')]), undefined));
  assert.match(text, /^10,000 {2}wait in readLine at chat\.ts:14 {2}2 s to 3 h {2}client 17$/m);
  assert.equal(text.split('\n').length, 5);
});

test('ten thousand clients in forty places are twelve lines, and each one is counted once', () => {
  const groups = Array.from({ length: 40 }, (_, index) => group(250, `wait in readLine at chat.ts:${index}`));
  const warning = { code: 'x', sentence: 'A queue only grows.', evidence: '', remedy: '', since: 0 };
  const result = groupsResult(groups, { warnings: Array.from({ length: 30 }, () => warning) });
  for (const width of [undefined, 200, 80, 40]) {
    const lines = groupsView(result, width);
    assert.ok(lines.length <= 12, `${lines.length} lines at ${width}`);
    assert.equal(sumOf(plainText(lines)), 10_000);
    for (const each of lines) assert.ok(width === undefined || widthOfLine(each) <= width, plainLine(each));
  }
});

test('the sentence comes first, whole, however narrow the terminal is', () => {
  const sentence =
    'The loop keeps up; 35 clients wait unusually long, all for lock "ledger", held by client 4246 for 26 s.';
  const lines = groupsView(groupsResult([group(35, 'wait for lock "ledger"')], { sentence }), 40).map(plainLine);
  assert.equal(lines.slice(0, 3).join(' '), sentence);
});

test('a circle of three locks is one sentence, said once', () => {
  const sentence = 'Deadlock: a waits for lock 2 of b, b for lock 3 of c, c for lock 1 of a.';
  const cycles = [{ tasks: [1, 2, 3], sentence }];
  const own = plainText(groupsView(groupsResult([group(3, 'wait')], { cycles }), undefined));
  assert.equal(own.split(sentence).length, 2);
  // The summary goes on after it, and a warning repeats it.
  const summary = `${sentence.slice(0, -1)}; the loop keeps up.`;
  const warnings = [{ code: 'deadlock', sentence, since: 0, evidence: '', remedy: '' }];
  const said = plainText(
    groupsView(groupsResult([group(3, 'wait')], { cycles, warnings, sentence: summary }), undefined),
  );
  assert.equal(said.split(sentence.slice(0, -1)).length, 2);
});

test('overload and death look different, in words (felixmosh/bull-board#1292)', () => {
  const overloaded = plainText(
    groupsView(
      groupsResult([group(10, 'wait in readLine at chat.ts:14')], {
        outside: [
          { server: '127.0.0.1:8002', parked: 0, inLine: 0, refused: 7, backlog: 128, limit: 'maxConnections 10' },
        ],
      }),
      undefined,
    ),
  );
  assert.match(overloaded, /^127\.0\.0\.1:8002: 128 not accepted yet, 7 refused, maxConnections 10 is reached$/m);
  const stale = groupsResult([], {
    sentence: 'The loop has been blocked for 3.2 s.',
    fresh: { how: 'stale', age: 3200, why: 'it runs native code' },
  });
  assert.match(plainText(groupsView(stale, undefined)), /^This is from 3\.2 s ago: it runs native code\.$/m);
});
