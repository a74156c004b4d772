// The screen of `maitre top`, in the states in which something is wrong with the process.
import assert from 'node:assert/strict';
import { plainLine } from '#src/console/line.js';
import { START } from '#src/console/top-state.js';
import { topScreen, type TopData } from '#src/console/top-view.js';
import { widthOfLine } from '#src/console/cell-width.js';
import { clientRow, connectionsResult, group, groupsResult } from '../support/fake-inspector.js';
import { test } from '../support/test.js';

type Groups = Parameters<typeof groupsResult>[1];

/** What a process of three clients has answered. */
function answered(groups: Groups = {}, more: Partial<TopData> = {}): TopData {
  return {
    groups: groupsResult([group(3, 'wait for lock "a"', { ball: 'other' })], groups),
    connections: connectionsResult([1, 2, 3].map((id) => clientRow(id))),
    took: 2,
    every: 1000,
    silent: 0,
    ...more,
  };
}

/** The lines of the screen, and the tone of each. */
function screen(data: TopData, columns = 80, rows = 24): { readonly texts: string[]; readonly tones: unknown[] } {
  const { lines } = topScreen(START, data, { columns, rows });
  assert.equal(lines.length, rows);
  for (const each of lines) assert.ok(widthOfLine(each) <= columns, plainLine(each));
  return { texts: lines.map((each) => plainLine(each).trimEnd()), tones: lines.map((each) => each[0]?.tone) };
}

const CIRCLE = 'Deadlock: client 1 waits for lock "b" of client 2, client 2 for lock "a" of client 1.';

test('a deadlock is said above the table, as an alarm, while the loop keeps up', () => {
  const { texts, tones } = screen(answered({ cycles: [{ tasks: [1, 2], sentence: CIRCLE }] }));
  assert.equal(texts[0], 'The loop keeps up; nobody waits unusually long.');
  const at = texts.findIndex((text) => text.startsWith('Deadlock:'));
  const head = texts.findIndex((text) => / PEER /.test(text));
  assert.ok(at > 0 && at < head, texts.join('\n'));
  assert.equal(texts.slice(at, head).join(' '), CIRCLE);
  assert.deepEqual(new Set(tones.slice(at, head)), new Set(['alarm']));
  assert.ok(
    texts.slice(head).some((text) => text.includes('127.0.0.1:40001')),
    'the clients stay',
  );
});

test('a deadlock that the sentence says is said once', () => {
  const { texts } = screen(answered({ sentence: CIRCLE, cycles: [{ tasks: [1, 2], sentence: CIRCLE }] }), 120);
  assert.equal(texts.filter((text) => text.includes('Deadlock')).length, 1);
  assert.equal(texts[0], CIRCLE);
});

test('an answer from before says from when it is and why, however long the sentence is', () => {
  const why = 'the main thread does not answer: it runs native code, or the system does not run it';
  const sentence = 'Client 4 waits. '.repeat(30).trimEnd();
  for (const columns of [120, 80, 40]) {
    const { texts, tones } = screen(answered({ sentence, fresh: { how: 'stale', age: 12_000, why } }), columns);
    const at = texts.findIndex((text) => text.startsWith('This is from 12 s ago'));
    assert.equal(at, 3, `the sentence has three lines at ${columns}`);
    assert.match(texts.slice(at).join(' '), /^This is from 12 s ago: the main thread does not answer: it runs native/);
    assert.equal(tones[at], 'notice');
  }
});

test('a late answer is said first, as an alarm, over the last one', () => {
  const { texts, tones } = screen(answered({}, { silent: 2500 }));
  assert.equal(texts[0], 'No answer for 2.5 s. What you see is its last answer.');
  assert.equal(tones[0], 'alarm');
  assert.equal(texts[1], 'The loop keeps up; nobody waits unusually long.');
  assert.ok(texts.some((text) => text.includes('127.0.0.1:40001')));
});

test('before the first answer, the screen says that it asks, that it is late, refused, or that there is none', () => {
  const none: TopData = { took: 0, every: 1000, silent: 0 };
  assert.equal(screen(none).texts[0], 'asking ...');
  assert.equal(screen({ ...none, silent: 3000 }).texts[0], 'No answer for 3 s.');
  const refused = 'the process is blocked, and nothing is known from before';
  assert.equal(screen({ ...none, refused }).texts[0], `No answer: ${refused}.`);
  assert.equal(screen({ ...none, over: 'Process 7: it has ended.' }).texts[0], 'Process 7: it has ended.');
});

test('the end of a process is said before all else', () => {
  const { texts } = screen(answered({}, { silent: 2500, refused: 'x', over: 'Process 7: it has ended.' }));
  assert.equal(texts[0], 'Process 7: it has ended. What you see is its last answer.');
});

test('however small the terminal is, what is wrong comes first', () => {
  const data = answered({ cycles: [{ tasks: [1, 2], sentence: CIRCLE }] }, { silent: 2500 });
  for (const rows of [2, 5, 8]) assert.match(screen(data, 60, rows).texts[0] ?? '', /^No answer for 2\.5 s\./);
});
