// `maitre pstree [PID|PATH]`: which task was created by which.
import type { Command } from './command.ts';
import { inspectCommand, JSON_OPTION, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: {
    rows: { type: 'count', value: 'N', least: 1, help: 'the most tasks that are looked at', fallback: 100_000 },
    json: JSON_OPTION,
  },
  async run({ rows, json }, [target]) {
    const { ask } = await import('./ask.ts');
    const { treeView } = await import('../console/index.ts');
    return ask(target, {
      method: 'snapshot',
      params: { rows },
      json,
      show: treeView,
      found: ({ snapshot }) => snapshot.tasks.length > 0,
    });
  },
});
