// The code beside a step.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { codeOf, unindented } from '#page/console/page/slow/code.js';
import { type History, historyOf } from '#page/console/page/slow/history.js';
import type { Recording } from '#src/inspect/protocol/index.js';
import { recordingOf } from '../../../support/recordings.js';
import { test } from '../../../support/test.js';

const marks = (history: History, index: number, inside = true): unknown =>
  codeOf(history, history.stays[index], inside)
    .filter(({ mark }) => mark !== undefined)
    .map(({ line, mark }) => [line, mark]);

describe('codeOf', () => {
  test('marks where the code went on and where it stopped, and nothing between', () => {
    const history = historyOf(recordingOf(12));
    history.stays.forEach(({ visit: { from, to } }, index) => {
      const [begin, end] = [from, to].map((wait) => history.recording.places[wait?.place ?? -1]?.line);
      const expected =
        begin === end
          ? [[begin, 'resumes']]
          : [
              [begin, 'resumes'],
              [end, 'stops'],
            ];
      assert.deepEqual(
        marks(history, index),
        expected.sort(([a], [b]) => Number(a) - Number(b)),
      );
    });
  });

  test('after a visit it marks only where its table waits', () => {
    const history = historyOf(recordingOf(12));
    const line = history.recording.places[history.stays[3]?.visit.to?.place ?? -1]?.line;
    assert.deepEqual(marks(history, 3, false), [[line, 'waits']]);
    assert.deepEqual(codeOf(history, undefined, false), []);
  });

  test('marks the line that kept the loop', () => {
    const recording = recordingOf(12, { block: 84 });
    const [block] = recording.blocks;
    const blocks = [{ ...block, place: { ...recording.places[0], line: 11 } }] as unknown as Recording['blocks'];
    const history = historyOf({ ...recording, blocks });
    const index = history.stays.findIndex((stay) => stay.block !== undefined);
    assert.deepEqual((marks(history, index) as unknown[]).includes(undefined), false);
    assert.ok(JSON.stringify(marks(history, index)).includes('[11,"stands"]'));
  });

  test('shows eleven lines at most of a long file, those around the marks, and where lines are left out', () => {
    const recording = recordingOf(12);
    const file = recording.places[0]?.file ?? '';
    const source = Array.from({ length: 400 }, (_, n) => [n + 1, `line ${n + 1}`] as const);
    const places = recording.places.map((place, n) => ({ ...place, line: n === 0 ? 10 : 300 }));
    const history = historyOf({ ...recording, places, source: { [file]: source } });
    const index = history.stays.findIndex(({ visit }) => (visit.from?.place === 0) !== (visit.to?.place === 0));
    const lines = codeOf(history, history.stays[index], true);
    assert.ok(lines.length <= 11);
    assert.deepEqual(
      lines.filter(({ after }) => after).map(({ line }) => line),
      [298],
    );
  });

  test('is empty where the source is unknown', () => {
    const history = historyOf({ ...recordingOf(12), source: {} });
    assert.deepEqual(codeOf(history, history.stays[2], true), []);
  });

  test('takes the indentation away that all lines share', () => {
    const line = { line: 1, mark: undefined, awaits: false, after: false };
    const texts = ['    if (a) {', '', '      b();'].map((text) => ({ ...line, text }));
    assert.deepEqual(
      unindented(texts).map(({ text }) => text),
      ['if (a) {', '', '  b();'],
    );
  });
});
