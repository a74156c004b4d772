// Lines of the program's source, asked for once and kept. A program's source does not change while it runs.
import { type Signal, signal } from '@preact/signals';
import type { Place } from '../../inspect/protocol/index.ts';
import type { Transport } from './transport.ts';

/** Lines that one request asks for around the one that is needed. */
const AROUND = 24;
/** Milliseconds after which what could not be had is asked for again. */
const AGAIN = 2000;

export class Sources {
  /** Grows when lines have come. */
  readonly changes: Signal<number> = signal(0);
  readonly #transport: Transport;
  readonly #lines: Map<string, Map<number, string>> = new Map();
  readonly #asked: Set<string> = new Set();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The line of a place; undefined while it is not known, and if there is none. */
  line({ file, line }: Pick<Place, 'file' | 'line'>): string | undefined {
    const text = this.#lines.get(file)?.get(line);
    if (text === undefined) this.#ask(file, Math.floor(line / AROUND) * AROUND);
    return text;
  }

  #ask(file: string, block: number): void {
    const key = `${file}:${block}`;
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    this.#transport.request('source', { file, from: Math.max(1, block), to: block + AROUND - 1 }).then(
      ({ lines }) => {
        const known = this.#lines.get(file) ?? new Map<number, string>();
        this.#lines.set(file, known);
        for (const [line, text] of lines) known.set(line, text);
        this.changes.value++;
      },
      () => {
        // The place without its line says enough meanwhile. A server that is lost, or has only now learned of the
        // file, is asked again.
        setTimeout(() => {
          this.#asked.delete(key);
          this.changes.value++;
        }, AGAIN);
      },
    );
  }
}
