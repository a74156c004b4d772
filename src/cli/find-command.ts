import { quote } from '../base/index.ts';
import { CommandError, type CommandRow } from './command.ts';
import { didYouMean } from './nearest.ts';

/** The row of the command `name`. @throws CommandError when there is none, with the one most like it */
export function findCommand(commands: readonly CommandRow[], name: string): CommandRow {
  const row = commands.find((each) => each.name === name);
  if (row !== undefined) return row;
  const names = commands.map((each) => each.name);
  throw new CommandError(`unknown command ${quote(name)}${didYouMean(name, names)}`, 2);
}
