// `maitre cancel CLIENT|task:ID [PID|PATH]`: cancels the handler of a client, or a task.
import { CommandError, type Command } from './command.ts';
import { inspectCommand, JSON_OPTION, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [{ name: 'CLIENT|task:ID', needs: 'the number of a client, or task: and the number of a task' }, TARGET],
  options: {
    yes: { type: 'flag', help: 'cancel without asking; needed where no terminal can be asked' },
    json: JSON_OPTION,
  },
  notes: `The process allows it only when it was started with control.
A client of worker 3 is 3:7, as maitre connections lists it.`,
  async run({ yes, json }, [text, target]) {
    const [, task, id] = /^(task:)?([\d:]+)$/.exec(text) ?? [];
    const { parseId } = await import('../inspect/protocol/index.ts');
    const number = id === undefined ? undefined : parseId(id);
    if (number === undefined) {
      throw new CommandError(`cancel needs the number of a client, or task:ID, got ${JSON.stringify(text)}`, 2);
    }
    const { cancelOne } = await import('./cancel-one.ts');
    return cancelOne(target, task === undefined ? { client: number } : { task: number }, yes, json);
  },
});
