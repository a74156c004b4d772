// "Did you mean": the known word that a user most likely meant to type.

/** What to append to a message about an unknown word: `; did you mean serve?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const found = nearest(word, known);
  return found === undefined ? '' : `; did you mean ${found}?`;
}

/**
 * Returns the known word that begins with `word`, or is at most two slips away. Undefined when none
 * is close.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const letters = word.replace(/^-+/, '');
  const longer = known.filter((each) => letters.length > 1 && each.replace(/^-+/, '').startsWith(letters));
  if (longer.length === 1) return longer[0];
  // Two slips leave nothing of a short word: "fly" is not "top".
  const most = Math.min(2, Math.floor((letters.length - 1) / 2));
  const ranked = known
    .map((each) => ({ each, slips: slips(letters, each.replace(/^-+/, '')) }))
    .filter((candidate) => candidate.slips <= most)
    .sort((a, b) => a.slips - b.slips);
  return ranked[0]?.each;
}

/**
 * Counts the letters that are missing, surplus, wrong, or swapped with their neighbour (optimal
 * string alignment distance).
 */
function slips(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + (same ? 0 : 1),
        swapped ? at(before, j - 2) + 1 : Infinity,
      );
    }
    [before, last] = [last, row];
  }
  return at(last, b.length);
}

/** A cell of the table; Infinity outside of it. */
function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
