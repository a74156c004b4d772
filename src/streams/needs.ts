// What a read needs before it can be answered.

export const SOME = 0; // any byte, at most so many
export const ALL = 1; // everything until the end
export const EXACTLY = 2; // so many bytes
export const UNTIL = 3; // a separator, included
export const LINE = 4; // like UNTIL a newline, but the last line may lack it

export type Need = typeof SOME | typeof ALL | typeof EXACTLY | typeof UNTIL | typeof LINE;

/** The method of each, for messages and for whoever looks at waits. */
export const NAMES = ['read', 'read', 'readExactly', 'readUntil', 'readLine'] as const;
