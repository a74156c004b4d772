// What `maitre cancel` does: asks the user once, then the process.
import { createInterface } from 'node:readline/promises';
import { escapeControl } from '../base/index.ts';
import { answerHead } from '../console/index.ts';
import { cancellable } from '../index.node.ts';
import { idText, type Methods } from '../inspect/protocol/index.ts';
import { answerOf, withProcess } from './ask.ts';
import { CommandTrouble } from './command.ts';
import type { InspectClient } from './inspect-client.ts';
import { print, standardOutput } from './print.ts';
import { jsonLine } from './serve-json.ts';

type Which = Methods['cancel']['params'];

/** Resolves with 0 if it was cancelled; 1 if it has ended already, or the user said no. */
export function cancelOne(target: string | undefined, which: Which, yes: boolean, json: boolean): Promise<number> {
  if (!yes && !process.stdin.isTTY) {
    throw new CommandTrouble('there is no terminal to ask on: --yes cancels without asking');
  }
  return withProcess(target, async (client, at) => {
    if (!yes && !(await confirm(await answerOf(at, describe(client, which))))) return 1;
    const result = await answerOf(at, client.request('cancel', which));
    if (json) process.stdout.write(`${jsonLine(result)}\n`);
    else print(answerHead(result, standardOutput().width));
    return result.outcome === 'done' ? 0 : 1;
  });
}

/** What is about to be cancelled, so that the user sees whether a number was mistyped. */
async function describe(client: InspectClient, { client: id, task }: Which): Promise<string> {
  if (id === undefined) return `task ${idText(task ?? 0)}`;
  const { connections } = await client.request('connections', { sort: 'id', filter: `client ${idText(id)}` });
  const row = connections.find((each) => each.id === id);
  return row === undefined ? `client ${idText(id)}` : `client ${idText(id)} (${row.peer}, ${row.what})`;
}

async function confirm(what: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await cancellable(Promise.race([terminal.question(`Cancel ${escapeControl(what)}? [y/N] `), ended]));
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
