import { describe } from './describe.ts';

/** Options that an earlier build knew by another name. */
const RENAMED = new Map([
  ['onOverflow', 'overflow'],
  ['shutdownTimeout', 'closeNotifyTimeout'],
]);

/** The error of an option that nobody knows. It names the new spelling of one that was renamed. */
export function unknownOption(action: string, name: string): TypeError {
  const now = RENAMED.get(name);
  const hint = now === undefined ? '' : `, did you mean ${now}?`;
  return new TypeError(`Cannot ${action}: unknown option ${describe(name)}${hint}`);
}
