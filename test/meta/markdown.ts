// The code in Markdown, as the meta-tests read it.

export interface Block {
  /** What follows the opening fence: `ts`, `sh`, `ts no-check`, `ts heavy.ts`. */
  readonly info: string;
  readonly code: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

/**
 * The file that a block of TypeScript is for others of the document to import: ```ts heavy.ts. Undefined for one that
 * stands by itself.
 */
export function fileOf({ info }: Block): string | undefined {
  return /^ts ([\w-]+\.ts)$/.exec(info)?.[1];
}

/** The fenced blocks of a document. */
export function fencedBlocks(text: string): Block[] {
  return [...text.matchAll(/^```([^\n`]*)\n([\s\S]*?)^```/gm)].map((match) => ({
    info: (match[1] ?? '').trim(),
    code: match[2] ?? '',
    line: text.slice(0, match.index).split('\n').length,
  }));
}

export interface OptionTable {
  /** The text of the heading it stands under, without backticks. */
  readonly heading: string;
  /** The names in its first column, in order. */
  readonly options: readonly string[];
}

/** The tables whose first column is called `Option`, or `Option of ...`. A row may have several names, each in backticks. */
export function optionTables(text: string): OptionTable[] {
  const tables: OptionTable[] = [];
  let heading = '';
  let options: string[] | undefined;
  for (const line of text.split('\n')) {
    heading = /^#+ (.*)/.exec(line)?.[1]?.replaceAll('`', '') ?? heading;
    const first = /^\|((?:[^|\\]|\\.)*)\|/.exec(line)?.[1]?.trim();
    if (first === undefined) options = undefined;
    else if (options !== undefined)
      options.push(...[...first.matchAll(/`(\w+)[^`]*`/g)].map((match) => match[1] ?? ''));
    else if (/^options?\b/i.test(first)) tables.push({ heading, options: (options = []) });
  }
  return tables;
}
