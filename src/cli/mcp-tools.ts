// The tools of `maitre mcp`: the methods of the inspector's protocol that only look. A call connects,
// asks and closes, so that it finds a program that was started again.
import type { Method, Methods } from '../inspect/protocol/index.ts';
import { answerOf } from './ask.ts';
import { CommandError } from './command.ts';
import { findTarget, openTarget } from './inspect-target.ts';

/** The part of JSON Schema (2020-12) that the tools need. */
interface Parameter {
  readonly type: 'integer' | 'string';
  readonly description: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Tool {
  readonly name: Method;
  readonly description: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly required?: readonly string[];
  /** Parameters that apply when the call leaves them out: an answer has to fit a conversation. */
  readonly fallbacks?: Readonly<Record<string, unknown>>;
}

const PROCESS: Parameter = {
  type: 'string',
  description: 'The PID of the process, or the path of its control socket. Default: the only one that runs.',
};

export const TOOLS: readonly Tool[] = [
  {
    name: 'groups',
    description:
      'Start here. What the clients and tasks of a process wait for: identical waits joined, deadlocks, warnings, overload.',
    parameters: {},
  },
  {
    name: 'connections',
    description: 'The clients of a process: what each one waits for and since when, bytes in and out.',
    parameters: {
      sort: { type: 'string', description: 'What comes first.', enum: ['longest', 'id', 'bytes', 'unsent'] },
      filter: { type: 'string', description: 'Only clients whose address, name or wait contains this text.' },
      limit: { type: 'integer', description: 'The most clients. Default: 50.', minimum: 1, maximum: 1000 },
    },
    fallbacks: { limit: 50 },
  },
  {
    name: 'blocks',
    description: 'Which code holds the event loop, or held it: task, client, function, line, stack.',
    parameters: {},
  },
  {
    name: 'bill',
    description:
      'Where the time of one client went: own code, peer, executors, locks and who held them, the busy loop.',
    parameters: { client: { type: 'integer', description: 'The id of the client, from connections.', minimum: 0 } },
    required: ['client'],
  },
  {
    name: 'snapshot',
    description: 'Tasks and resources one by one, with their waits and places. Long: prefer groups.',
    parameters: { rows: { type: 'integer', description: 'The most tasks. Default: 100.', minimum: 1, maximum: 2000 } },
    fallbacks: { rows: 100 },
  },
  { name: 'warnings', description: 'What needs attention, with evidence and a remedy.', parameters: {} },
  { name: 'ended', description: 'Tasks and connections that have ended, and how.', parameters: {} },
  {
    name: 'source',
    description: 'Lines of a source file that a place names.',
    parameters: {
      file: { type: 'string', description: 'The file of a place, as another answer has it.' },
      from: { type: 'integer', description: 'The first line, counted from 1.', minimum: 1 },
      to: { type: 'integer', description: 'The last line.', minimum: 1 },
    },
    required: ['file', 'from', 'to'],
  },
];

/** A tool as `tools/list` has it. */
export function toolRow({ name, description, parameters, required = [] }: Tool): object {
  return {
    name,
    description,
    inputSchema: {
      type: 'object',
      properties: { ...parameters, process: PROCESS },
      required,
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, openWorldHint: false },
  };
}

/** What a call came to: the answer of the process, or in words why there is none. */
export type CallOutcome = { readonly answer: object } | { readonly failure: string };

/**
 * Calls a tool.
 * @param target the process that was named on the command line
 */
export async function callTool(tool: Tool, args: unknown, target: string | undefined): Promise<CallOutcome> {
  const wrong = problemOf(tool, args);
  if (wrong !== undefined) return { failure: wrong };
  const { process: named, ...params } = args as Readonly<Record<string, unknown>>; // checked above
  try {
    const at = await findTarget((named as string | undefined) ?? target);
    await using client = await openTarget(at);
    const request = { ...tool.fallbacks, ...params } as Methods[Method]['params']; // the schema is the method's
    return { answer: await answerOf(at, client.request(tool.name, request)) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { failure: error.detail === undefined ? error.message : `${error.message}\n${error.detail}` };
  }
}

/** What is wrong with the arguments of a call, in words; undefined if nothing is. */
function problemOf({ name, parameters, required = [] }: Tool, args: unknown): string | undefined {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return `${name} takes an object`;
  const all: Readonly<Record<string, Parameter>> = { ...parameters, process: PROCESS };
  for (const key of required) if (!Object.hasOwn(args, key)) return `${name} needs ${key}`;
  for (const [key, value] of Object.entries(args)) {
    const parameter = Object.hasOwn(all, key) ? all[key] : undefined;
    if (parameter === undefined)
      return `${name} has no parameter ${JSON.stringify(key)}: ${Object.keys(all).join(', ')}`;
    if (!fits(parameter, value)) return `${name}: ${key} must be ${wanted(parameter)}`;
  }
  return undefined;
}

function fits({ type, enum: words, minimum = -Infinity, maximum = Infinity }: Parameter, value: unknown): boolean {
  if (type === 'string') return typeof value === 'string' && (words?.includes(value) ?? true);
  return Number.isSafeInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
}

function wanted({ type, enum: words, minimum, maximum }: Parameter): string {
  if (words !== undefined) return `one of ${words.join(', ')}`;
  if (type === 'string') return 'a text';
  return `an integer${minimum === undefined ? '' : ` from ${minimum}`}${maximum === undefined ? '' : ` to ${maximum}`}`;
}
