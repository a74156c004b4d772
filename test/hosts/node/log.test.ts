import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { writeLog } from '#src/hosts/node/log.js';
import { nextTurn, test } from '../../support/test.js';

/** A pipe whose reader has stopped, until it goes on. */
class StoppedPipe extends Writable {
  text = '';
  #taken: (() => void) | undefined;
  #reads = false;

  override _write(chunk: Buffer, _encoding: BufferEncoding, taken: () => void): void {
    this.text += String(chunk);
    if (this.#reads) taken();
    else this.#taken = taken;
  }

  goOn(): void {
    this.#reads = true;
    this.#taken?.();
  }
}

test('a log that nobody reads is bounded, and says how many lines it has dropped when it is read again', async () => {
  const pipe = new StoppedPipe();
  const lines = 'soup\n'.repeat(2000);
  for (let i = 0; i < 500; i++) {
    writeLog(pipe, lines);
    writeLog(pipe, Buffer.from(lines));
  }
  const waiting = pipe.writableLength;
  assert.ok(waiting >= 1024 * 1024 && waiting < 1024 * 1024 + lines.length, `${waiting} bytes wait`);
  pipe.goOn();
  await nextTurn();
  writeLog(pipe, 'bread\n');
  await nextTurn();
  const kept = Math.ceil((1024 * 1024) / lines.length);
  const said = `maitre: ${2_000_000 - kept * 2000} lines were not printed: nobody read what was printed before\n`;
  assert.equal(pipe.text.slice(kept * lines.length), `${said}bread\n`);
  assert.equal(pipe.text.slice(0, kept * lines.length), lines.repeat(kept));
});

test('one line that is dropped is one line, and a second stop counts anew', async () => {
  const pipe = new StoppedPipe();
  writeLog(pipe, `${'x'.repeat(1024 * 1024)}\n`);
  writeLog(pipe, 'lost\n');
  pipe.goOn();
  await nextTurn();
  assert.match(pipe.text, /x\nmaitre: 1 line was not printed: nobody read what was printed before\n$/);
});
