#!/usr/bin/env node
// The command `maitre`. Finds one command in the table, loads it, reads its arguments, runs it, and
// ends with its exit code: 0 done, 1 it failed, 2 wrong usage.
import { escapeControl, escapeLines, quote } from '../base/index.ts';
import { CommandError } from './command.ts';
import { commands } from './commands.ts';
import { didYouMean } from './nearest.ts';
import { findCommand, parseArguments } from './parse-arguments.ts';

/** The help that errors of usage point to. */
let help = 'maitre --help';
/** Whether something may be open: a command has begun that does more than print. */
let hasRun = false;

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h') {
    const { helpOfAll } = await import('./help-text.ts');
    process.stdout.write(helpOfAll(commands));
    return 0;
  }
  if (name === '--version' || name === '-v') {
    const { packageVersion } = await import('../hosts/node/index.ts');
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  if (name === undefined) {
    throw new CommandError(`a command is missing: ${commands.map((row) => row.name).join(', ')}`, 2);
  }
  if (name.startsWith('-')) {
    throw new CommandError(`unknown option ${quote(name)}${didYouMean(name, ['--help', '--version'])}`, 2);
  }
  const row = findCommand(commands, name);
  help = `maitre ${name} --help`;
  const command = await row.load();
  const parsed = parseArguments(name, command, rest);
  if (parsed === 'help') {
    const { helpOf } = await import('./help-text.ts');
    process.stdout.write(helpOf(row, command));
    return 0;
  }
  hasRun = command.printsOnly !== true;
  return command.run(parsed.values, parsed.positionals, { given: parsed.given, commands });
}

// The reader of our output may leave before us (`| head`). That must not end a server.
process.stderr.on('error', () => undefined);
// Any other error, such as a full disk, means that what was asked for is not there.
let isLost = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || isLost || hasRun) return;
  isLost = true;
  process.exitCode = 2;
  process.stderr.write(`maitre: cannot write to standard output: ${error.message}\n`);
});

let code: number;
try {
  code = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`maitre: ${escapeControl(error.message)}${error.isUsage ? ` (${help} tells more)` : ''}\n`);
  if (error.detail !== undefined) process.stderr.write(`${escapeLines(error.detail)}\n`);
  code = error.exitCode;
}
process.exitCode = isLost ? 2 : code;
if (hasRun) {
  // The served file may have left timers or sockets open. They must not keep an ended server alive.
  const { endProcess } = await import('../hosts/node/index.ts');
  await endProcess(code);
}
