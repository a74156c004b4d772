// What the jobs of fixtures/ledger.ts have written down, on whichever machine they ran.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from 'maitre';
import { Folder } from '../support/program.js';

interface Line {
  readonly what: string;
  readonly id: string;
  readonly attempt: number;
  readonly pid: number;
}

/** What the jobs have written down. */
export class Ledger implements Disposable {
  readonly #folder = new Folder();
  readonly file: string = join(this.#folder.path, 'ledger');

  get lines(): readonly Line[] {
    const text = existsSync(this.file) ? readFileSync(this.file, 'utf8') : '';
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [what = '', id = '', attempt, pid] = line.split(' ');
        return { what, id, attempt: Number(attempt), pid: Number(pid) };
      });
  }

  /** The attempts of a job that began or are done, in order. */
  attempts(what: 'began' | 'done', id: string): number[] {
    return this.lines.filter((line) => line.what === what && line.id === id).map(({ attempt }) => attempt);
  }

  /** Waits for what must come. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await sleep(10);
  }

  /** Every one of `ids` is done, and no two of its runs have the same attempt. */
  checkAll(ids: readonly string[]): void {
    const done = new Map<string, number[]>();
    for (const { what, id, attempt } of this.lines)
      if (what === 'done') done.set(id, [...(done.get(id) ?? []), attempt]);
    assert.deepEqual(
      ids.filter((id) => !done.has(id)),
      [],
      'accepted, and not done',
    );
    for (const [id, attempts] of done)
      assert.equal(new Set(attempts).size, attempts.length, `${id}: ${attempts.join()}`);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}
