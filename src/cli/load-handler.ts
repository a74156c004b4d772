// Loads the handler from a user's file, TypeScript or JavaScript, on any runtime.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { escapeControl } from '../base/index.ts';
import { importModule, isCaller, isFrame, TypeScriptError } from '../hosts/node/index.ts';
import type { Handler } from '../index.node.ts';
import { CommandError } from './command.ts';

/**
 * Milliseconds after which a file that is still loading is reported: most likely it runs a program
 * of its own.
 */
const SLOW_LOAD = 2000;
const isNode = !('bun' in process.versions || 'deno' in process.versions);

/**
 * Loads `file` and returns its default export, which must be a function.
 * @throws CommandError when it cannot be loaded or exports no function
 */
export async function loadHandler(file: string): Promise<Handler> {
  const path = resolve(file);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new CommandError(`cannot serve ${file}: there is no such file`, 2);
  if (!found.isFile()) throw new CommandError(`cannot serve ${file}: it is not a file`, 2);
  const handler = (await load(path, file)).default;
  if (typeof handler === 'function') return handler as Handler; // called with what a Handler gets
  const got = handler === undefined ? 'it has no default export' : `its default export is ${describe(handler)}`;
  throw new CommandError(
    `cannot serve ${file}: ${got}, expected a function: export default async (reader, writer) => { ... }`,
    1,
  );
}

interface Module {
  readonly default?: unknown;
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

async function load(path: string, file: string): Promise<Module> {
  const slow = setTimeout(() => {
    const note = 'a program that serves by itself is started without `maitre serve`';
    process.stderr.write(`maitre: ${escapeControl(file)} is still loading and has exported nothing yet; ${note}\n`);
  }, SLOW_LOAD);
  try {
    return await importModule(pathToFileURL(path).href);
  } catch (error) {
    if (error instanceof TypeScriptError) throw new CommandError(`cannot serve ${file}: ${error.message}`, 1);
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
      const [why = '', ...more] = error.message.split('\n'); // Deno reports mistakes in the file this way, with its lines
      throw new CommandError(`cannot serve ${file}: ${why}`, 1, more.length > 0 ? more.join('\n') : undefined);
    }
    const fault = transformFault(error);
    if (fault !== undefined) throw new CommandError(`cannot serve ${file}: ${fault}`, 1);
    const what = `cannot serve ${file}: it failed while loading`;
    const detail = isNode ? detailOf(error) : undefined;
    if (detail !== undefined) throw new CommandError(what, 1, detail);
    process.stderr.write(`maitre: ${escapeControl(what)}\n`);
    throw error; // the runtime shows what and where
  } finally {
    clearTimeout(slow);
  }
}

/**
 * What tsx reports for a file that it cannot parse, with the place: `handler.ts:2:6: Expected
 * identifier but found "="`.
 */
function transformFault(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'TransformError') return undefined;
  const [, ...faults] = error.message.split('\n'); // the first line counts them
  return faults.join('; ').replaceAll(': ERROR: ', ': ');
}

/**
 * What to show of an error in the file: everything except the frames that called the file, of the
 * loader and of this command. Undefined where only Node can tell: it shows the line of an ES module
 * that it cannot parse when the error ends the process.
 */
function detailOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return inspect(error);
  const lines = error.stack.split('\n');
  while (isCaller(lines.at(-1) ?? '')) lines.pop();
  error.stack = lines.join('\n');
  if (lines.length === 1) return undefined;
  return lines.some(isFrame) ? inspect(error) : error.stack; // inspect puts one without frames into brackets
}
