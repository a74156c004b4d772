// `maitre top [PID|PATH]`: clients and what they wait for, redrawn in place.
import type { Command } from './command.ts';
import { FILTER_OPTION, inspectCommand, JSON_OPTION, milliseconds, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: {
    sort: {
      type: 'choice',
      choices: ['longest', 'bytes', 'unsent', 'id'],
      fallback: 'longest',
      help: 'what comes first: the longest wait, the most bytes, the most unsent bytes, the lowest id',
    },
    filter: FILTER_OPTION,
    every: { type: 'text', value: 'TIME', help: 'time between two questions, at least 100ms', fallback: '1s' },
    json: JSON_OPTION,
  },
  notes: `Keys: q quit, s sort, / filter, Esc no filter, g groups or clients, p pause, arrows scroll.
Piped, it prints one picture. COLUMNS and LINES set its size.`,
  async run({ sort, filter, every, json }, [target]) {
    const ms = milliseconds('every', every, 100);
    const { top } = await import('./show-top.ts');
    return top(target, { sort, filter: filter ?? '', every: ms, json });
  },
});
