// `maitre ps [PID|PATH]`: what a process waits for, in at most twelve lines; all tasks with --all.
import type { Command } from './command.ts';
import { inspectCommand, JSON_OPTION, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: {
    all: { type: 'flag', help: 'print a row for each task instead of joining those that wait alike' },
    rows: {
      type: 'count',
      value: 'N',
      least: 1,
      help: 'with --all: the most tasks that are printed',
      fallback: 100_000,
    },
    json: JSON_OPTION,
  },
  async run({ all, rows, json }, [target]) {
    const { ask } = await import('./ask.ts');
    const { groupsView, tasksView } = await import('../console/index.ts');
    if (!all) {
      return ask(target, { method: 'groups', params: {}, json, show: groupsView, found: ({ tasks }) => tasks > 0 });
    }
    return ask(target, {
      method: 'snapshot',
      params: { rows },
      json,
      show: tasksView,
      found: ({ snapshot }) => snapshot.tasks.length > 0,
    });
  },
});
