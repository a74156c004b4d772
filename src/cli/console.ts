// `maitre console [PID|PATH]`: the address of the page of a process.
import type { Command } from './command.ts';
import { inspectCommand, JSON_OPTION, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: {
    open: { type: 'flag', help: 'open the page in the browser of the desktop' },
    json: JSON_OPTION,
  },
  notes: `The address lets one browser in. Call the command again for another one.`,
  async run({ open, json }, [target]) {
    const { showPage } = await import('./show-page.ts');
    return showPage(target, open, json);
  },
});
