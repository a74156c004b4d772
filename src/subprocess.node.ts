// The door maitre/subprocess on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export { CalledProcessError } from './core/index.ts';
export {
  type CommunicateOptions,
  createSubprocessExec,
  createSubprocessShell,
  type Output,
  type Process,
  type ProcessStatistics,
  type SubprocessOptions,
} from './subprocess/index.ts';
