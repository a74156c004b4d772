// `maitre bill CLIENT [PID|PATH]`: where the time of one client went.
import { CommandError, type Command } from './command.ts';
import { inspectCommand, JSON_OPTION, milliseconds, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [{ name: 'CLIENT', needs: 'the number of a CLIENT, as maitre connections lists it' }, TARGET],
  options: {
    for: { type: 'text', value: 'TIME', help: 'how long to record first, where no recorder runs; 2s by default' },
    json: JSON_OPTION,
  },
  async run({ json, for: duration }, [text, target]) {
    const ms = milliseconds('for', duration ?? '2s', 1, 60_000);
    const { parseId } = await import('../inspect/protocol/index.ts');
    const client = parseId(text);
    if (client === undefined) throw new CommandError(`CLIENT must be a number, got ${JSON.stringify(text)}`, 2);
    const { ask } = await import('./ask.ts');
    const { billView } = await import('../console/index.ts');
    return ask(target, {
      method: 'bill',
      params: { client, ms },
      within: ms + 10_000,
      json,
      show: billView,
    });
  },
});
