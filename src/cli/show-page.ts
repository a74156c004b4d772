// What `maitre console` does: asks the process for the address of its page, prints it, and opens it
// if the user wants that.
import { spawn } from 'node:child_process';
import { escapeControl } from '../base/index.ts';
import { answerOf, withProcess } from './ask.ts';
import { CommandTrouble } from './command.ts';
import { jsonLine } from './serve-json.ts';

/** Prints the address, alone on its line; resolves with 0. */
export function showPage(target: string | undefined, open: boolean, json: boolean): Promise<number> {
  return withProcess(target, async (client, at) => {
    const result = await answerOf(at, client.request('page', {}));
    if (json) process.stdout.write(`${jsonLine(result)}\n`);
    else process.stdout.write(`${escapeControl(result.sentence)}\n${escapeControl(result.address)}\n`);
    if (open) openInBrowser(result.address);
    return 0;
  });
}

/** The programs that open an address, by platform. `start` of Windows is part of its shell. */
const OPENERS: Readonly<Record<string, readonly [command: string, ...args: string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** @throws CommandTrouble for an address that is not one of this machine */
function openInBrowser(address: string): void {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // It comes from the process, and becomes an argument of a program.
  if (url?.protocol !== 'http:' || !['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) {
    throw new CommandTrouble('the address is not one of this machine: it was not opened');
  }
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...args, url.href], { stdio: 'ignore', detached: true });
  child.on('error', () => process.stderr.write(`maitre: ${command} cannot be started: open the address yourself\n`));
  child.unref();
}
