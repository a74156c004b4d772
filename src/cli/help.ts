// `maitre help [COMMAND]`: what `maitre --help` and `maitre COMMAND --help` print.
import type { Command } from './command.ts';
import { helpOf, helpOfAll } from './help-text.ts';
import { findCommand } from './parse-arguments.ts';

const OPTIONS = {} as const;

const POSITIONALS = [{ name: 'COMMAND', needs: 'a COMMAND', optional: true, completion: 'commands' }] as const;

export const command: Command<typeof OPTIONS, typeof POSITIONALS> = {
  positionals: POSITIONALS,
  options: OPTIONS,
  printsOnly: true,
  async run(_values, [name], { commands }) {
    if (name === undefined) process.stdout.write(helpOfAll(commands));
    else {
      const row = findCommand(commands, name);
      process.stdout.write(helpOf(row, await row.load()));
    }
    return 0;
  },
};
