import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { passLines } from '#src/workers/pass-lines.js';
import { nextTurn, test } from '../support/test.js';

/** All that is there: what `read` gives is one piece on some runtimes, and everything on others. */
function readAll(from: PassThrough): string {
  let text = '';
  for (let piece = from.read() as Buffer | null; piece !== null; piece = from.read() as Buffer | null)
    text += String(piece);
  return text;
}

test('lines of two workers do not mix, whatever pieces they come in', async () => {
  const [one, other, to] = [new PassThrough(), new PassThrough(), new PassThrough()];
  passLines(one, to);
  passLines(other, to);
  const pieces: [PassThrough, string][] = [
    [one, 'so'],
    [other, 'bre'],
    [one, 'up\ncof'],
    [other, 'ad\ntea\n'],
    [one, 'fee\n'],
  ];
  for (const [from, piece] of pieces) {
    from.write(piece);
    await nextTurn();
  }
  assert.equal(readAll(to), 'soup\nbread\ntea\ncoffee\n');
});

test('a line that has no end when its worker ends gets one, and one without end is passed on', async () => {
  const [from, to] = [new PassThrough(), new PassThrough()];
  passLines(from, to);
  from.write('x'.repeat(70_000));
  await nextTurn();
  assert.equal(readAll(to).length, 70_000);
  from.end('the last words');
  await nextTurn();
  assert.equal(readAll(to), 'the last words\n');
});
