// `maitre connections [PID|PATH]`: a row for each client.
import type { Command } from './command.ts';
import { FILTER_OPTION, inspectCommand, JSON_OPTION, TARGET } from './inspect-options.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: {
    sort: {
      type: 'choice',
      choices: ['longest', 'id', 'bytes', 'unsent'],
      fallback: 'longest',
      help: 'what comes first: the longest wait, the lowest id, the most bytes, the most unsent bytes',
    },
    filter: FILTER_OPTION,
    limit: { type: 'count', value: 'N', least: 1, help: 'the most clients that are printed', fallback: 50 },
    json: JSON_OPTION,
  },
  async run({ sort, filter, limit, json }, [target]) {
    const { ask } = await import('./ask.ts');
    const { connectionsView } = await import('../console/index.ts');
    return ask(target, {
      method: 'connections',
      params: { sort, limit, ...(filter === undefined ? {} : { filter }) },
      json,
      show: connectionsView,
      found: ({ connections }) => connections.length > 0,
    });
  },
});
