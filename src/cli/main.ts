#!/usr/bin/env node
// The command `maitre`. Reads its arguments, runs one command, ends with its exit code: 0 done, 1 it failed, 2 wrong usage.
import { escapeControl, escapeLines } from '../base/index.ts';
import { endProcess } from '../hosts/node/index.ts';
import { connect } from './connect.ts';
import { serve } from './serve.ts';
import { CommandError, HELP, version } from './usage.ts';

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = { serve, connect };

async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  if (name === undefined) throw new CommandError(`a command is missing: ${Object.keys(COMMANDS).join(' or ')}`, 2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new CommandError(`unknown command ${JSON.stringify(name)}`, 2);
  return command(rest);
}

// Whoever read our output may leave before us (`| head`). That is not to end a server.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

let code: number;
try {
  code = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(
    `maitre: ${escapeControl(error.message)}${error.exitCode === 2 ? ' (maitre --help tells more)' : ''}\n`,
  );
  if (error.detail !== undefined) process.stderr.write(`${escapeLines(error.detail)}\n`);
  code = error.exitCode;
}
// The served file may have left timers or sockets of its own; they do not keep an ended server alive.
await endProcess(code);
