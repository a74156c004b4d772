// The code in Markdown, as the meta-tests read it.

export interface Block {
  /** What follows the opening fence: `ts`, `sh`, `ts no-check`. */
  readonly info: string;
  readonly code: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

/** The fenced blocks of a document. */
export function fencedBlocks(text: string): Block[] {
  return [...text.matchAll(/^```([^\n`]*)\n([\s\S]*?)^```/gm)].map((match) => ({
    info: (match[1] ?? '').trim(),
    code: match[2] ?? '',
    line: text.slice(0, match.index).split('\n').length,
  }));
}
