// Names of tasks and resources, as viewers get them. A program may make them of what a client has
// sent, and one of a megabyte would be in each snapshot, in each row of a table as padding, and in
// what agents read.

/** The longest name, in characters. */
const LONGEST = 200;

/** Returns the name, or its beginning. */
export function shortName(name: string): string {
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 1)}…`;
}
