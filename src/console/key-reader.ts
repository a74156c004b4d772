// The keys in what a terminal sends. Chunks end anywhere: a chunk can have several keys, and a key
// can be in several chunks.
//
// Escape is the begin of every sequence and a key of its own. Only time tells them apart: whoever
// reads calls `flush` when nothing has followed for ESCAPE_AFTER milliseconds.

/** How long the rest of a sequence may take, in milliseconds. Sequences of a terminal come at once. */
export const ESCAPE_AFTER = 50;

const SEQUENCES: Readonly<Record<string, string>> = {
  '\x1b[A': 'up',
  '\x1b[B': 'down',
  '\x1bOA': 'up',
  '\x1bOB': 'down',
  '\x1b[5~': 'pageup',
  '\x1b[6~': 'pagedown',
  '\x1b[H': 'home',
  '\x1b[F': 'end',
  '\x1bOH': 'home',
  '\x1bOF': 'end',
  '\x1b[1~': 'home',
  '\x1b[4~': 'end',
  '\x1b': 'escape',
  '\t': 'tab',
  '\r': 'enter',
  '\n': 'enter',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x03': 'ctrl-c',
  '\x0c': 'ctrl-l',
  '\x1a': 'ctrl-z',
};

/** One escape sequence, or one character. An escape sequence that is not known is one key without effect. */
const KEY = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO[A-Za-z]|[^]/gu; // oxlint-disable-line no-control-regex -- what terminals send

/** The begin of an escape sequence, at the end of a chunk. */
const BEGUN = /\x1b(?:O|\[[0-9;?]*[ -/]*)?$/; // oxlint-disable-line no-control-regex -- the same

/** The longest begin that is kept. A terminal sends no longer one. */
const LONGEST = 32;

/** Reads keys from chunks of what was typed. */
export class KeyReader {
  readonly #decoder = new TextDecoder();
  /** The begin of a sequence whose end has not come. */
  #begun = '';

  /** The keys that a chunk completes. */
  read(chunk: Uint8Array): string[] {
    const text = this.#begun + this.#decoder.decode(chunk, { stream: true });
    const [begun = ''] = BEGUN.exec(text) ?? [];
    this.#begun = begun.length > LONGEST ? '' : begun;
    return keysOf(text.slice(0, text.length - begun.length));
  }

  /** True while something has begun that may go on. */
  get isWaiting(): boolean {
    return this.#begun !== '';
  }

  /** What has begun as a key of its own: nothing follows. */
  flush(): string[] {
    const begun = this.#begun;
    this.#begun = '';
    if (begun === '') return [];
    return [SEQUENCES[begun] ?? 'unknown'];
  }
}

function keysOf(text: string): string[] {
  return (text.match(KEY) ?? []).map((key) => SEQUENCES[key] ?? (/^[\0-\x1f]/.test(key) ? 'unknown' : key)); // oxlint-disable-line no-control-regex -- the same
}
