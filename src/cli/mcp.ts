// `maitre mcp [PID|PATH]`: what the other commands see, for coding agents.
import { inspectCommand, TARGET } from './inspect-options.ts';
import type { Command } from './command.ts';

export const command: Command = inspectCommand({
  positionals: [TARGET],
  options: {},
  notes: `Speaks the Model Context Protocol over standard input and output, and ends with its input. It only
looks: there is no tool that cancels. Each call may name another process.`,
  async run(_values, [target]) {
    const { serveMcp } = await import('./mcp-server.ts');
    return serveMcp(target);
  },
});
