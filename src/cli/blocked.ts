// `maitre blocked [PID|PATH]`: which code holds the loop, or held it.
import type { Command } from './command.ts';
import { inspectCommand, JSON_OPTION, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: {
    now: { type: 'flag', help: 'only the block that lasts: exit code 1 if the loop is not blocked' },
    json: JSON_OPTION,
  },
  async run({ now, json }, [target]) {
    const { ask } = await import('./ask.ts');
    const { blocksView } = await import('../console/index.ts');
    return ask(target, {
      method: 'blocks',
      params: { threads: true },
      json,
      show: (result, width) =>
        blocksView(now ? { ...result, blocks: result.blocks.filter(({ over }) => !over) } : result, width),
      found: ({ blocks }) => blocks.some(({ over, thread }) => !now || (!over && thread === 0)),
    });
  },
});
