// What most commands that look at a process do: find it, ask it one question, print the answer.
import type { Line } from '../console/index.ts';
import { run } from '../index.node.ts';
import type { Method, Methods } from '../inspect/protocol/index.ts';
import { CommandTrouble } from './command.ts';
import { type InspectClient, NoAnswerError, RefusedError } from './inspect-client.ts';
import { findTarget, knownOf, openTarget, type Target, whoIs } from './inspect-target.ts';
import { type Output, print, standardOutput } from './print.ts';
import { jsonLine } from './serve-json.ts';

export interface Question<M extends Method> {
  readonly method: M;
  readonly params: Methods[M]['params'];
  /** Milliseconds for the answer. */
  readonly within?: number;
  readonly json: boolean;
  readonly show: (result: Methods[M]['result'], width: Output['width']) => readonly Line[];
  /** Whether the answer holds what was asked for. Default: always. */
  readonly found?: (result: Methods[M]['result']) => boolean;
}

/**
 * Asks, prints, and resolves with the exit code of grep: 0 found, 1 nothing.
 * @throws CommandTrouble (exit code 2) when the process cannot be asked or refuses
 */
export function ask<M extends Method>(target: string | undefined, question: Question<M>): Promise<number> {
  const { method, params, within, json, show, found = () => true } = question;
  return withProcess(target, async (client, at) => {
    const result = await answerOf(at, client.request(method, params, within));
    if (json) process.stdout.write(`${jsonLine(result)}\n`);
    else {
      const output = standardOutput();
      print(show(result, output.width), output);
    }
    return found(result) ? 0 : 1;
  });
}

/** Runs `body` with a connection to the process, as a program of its own. */
export function withProcess(
  target: string | undefined,
  body: (client: InspectClient, at: Target) => Promise<number>,
): Promise<number> {
  return run(async () => {
    const at = await findTarget(target);
    await using client = await openTarget(at);
    try {
      return await body(client, at);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // An answer that is not of the form that the protocol says: another version of it.
      throw new CommandTrouble(`${whoIs(at)} runs another version of maitre, whose answers this one cannot read`);
    }
  });
}

/** The answer; a CommandTrouble that says what is known in place of an error. */
export async function answerOf<T>(at: Target, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RefusedError) throw troubleOf(error);
    if (!(error instanceof NoAnswerError)) throw error;
    throw new CommandTrouble([`${whoIs(at)} cannot be asked: ${error.message}`, ...knownOf(at.pid)].join('; '));
  }
}

/** A refusal, as a command ends with it. A client that does not exist is nothing found, not trouble. */
export function troubleOf({ code, message }: RefusedError): CommandTrouble {
  return new CommandTrouble(message, undefined, code === 'NOT_FOUND' ? 1 : 2);
}
