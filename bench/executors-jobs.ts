// The jobs of bench/executors.ts.
export const nothing = (value: number): number => value;

/** The same as compute() of bench/peers/executors-compute.mjs. */
export function compute(rounds: number): number {
  let state = 1;
  for (let i = 0; i < rounds; i++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  return state;
}

export function* items(count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield 'a line of a log, of some length, such as they are';
}
