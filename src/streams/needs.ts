// The kinds of reads: what each one needs before it can complete.

export const SOME = 0; // at least one byte, at most `count`
export const ALL = 1; // everything until the end
export const EXACTLY = 2; // exactly `count` bytes
export const UNTIL = 3; // everything up to and including a separator
export const LINE = 4; // as UNTIL with a newline, but the last line may lack it

export type Need = typeof SOME | typeof ALL | typeof EXACTLY | typeof UNTIL | typeof LINE;

/** The method of each kind, for messages and tools. */
export const NAMES = ['read', 'read', 'readExactly', 'readUntil', 'readLine'] as const;
