// `maitre completion SHELL`: prints a script that is generated from the table. It offers commands,
// their options and arguments, and runs nothing when a key is pressed.
import type { Command } from './command.ts';
import { bashScript } from './complete-bash.ts';
import { fishScript } from './complete-fish.ts';
import { zshScript } from './complete-zsh.ts';

const OPTIONS = {} as const;

const POSITIONALS = [{ name: 'SHELL', needs: 'a shell: bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] }] as const;

export const command: Command<typeof OPTIONS, typeof POSITIONALS> = {
  positionals: POSITIONALS,
  options: OPTIONS,
  printsOnly: true,
  notes: `To have it in every shell, add one of these to its startup file:
  ~/.bashrc                   eval "$(maitre completion bash)"
  ~/.zshrc, after compinit    source <(maitre completion zsh)
  ~/.config/fish/config.fish  maitre completion fish | source`,
  async run(_values, [shell], { commands }) {
    const loaded = await Promise.all(commands.map(async (row) => ({ ...row, ...(await row.load()) })));
    const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
    process.stdout.write(scripts[shell](loaded));
    return 0;
  },
};
