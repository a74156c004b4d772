// Loads the handler from a user's file, TypeScript or JavaScript, on any runtime.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { escapeControl } from '../../base/index.ts';
import { importModule, isCaller, isFrame, TypeScriptError } from '../../hosts/node/index.ts';
import type { Handler } from '../../net/index.ts';
import { ServeError } from './serve-error.ts';
import { findSyntaxFault } from './syntax-fault.ts';
import { isHttpApp, type ServedApp } from './start-http.ts';

/**
 * Milliseconds after which a file that is still loading is reported: most likely it runs a program
 * of its own.
 */
const SLOW_LOAD = 2000;
const isNode = !('bun' in process.versions || 'deno' in process.versions);

/**
 * Loads `file` and returns its default export, which must be a function, or an app that can be served
 * over HTTP.
 * @throws ServeError when it cannot be loaded or exports neither
 */
export async function loadHandler(file: string): Promise<Handler | ServedApp> {
  const handler = (await loadFile(file, true)).default;
  if (isServable(handler)) return handler;
  throw notServable(file, handler);
}

/** What a FILE exports, for a worker. */
export interface Program {
  /** What is served; undefined for a program that starts its servers itself. */
  readonly handler: Handler | ServedApp | undefined;
  /** Resolves when clients may come. */
  readonly ready: (() => unknown) | undefined;
}

/**
 * Loads `file` for a worker. It may have no default export: then it serves by itself.
 * @throws ServeError when it cannot be loaded, or exports what cannot be served
 */
export async function loadProgram(file: string): Promise<Program> {
  const { default: handler, ready } = await loadFile(file, false);
  if (handler !== undefined && !isServable(handler)) throw notServable(file, handler);
  if (ready !== undefined && typeof ready !== 'function')
    throw new ServeError('load', `cannot serve ${file}: its export ready is ${describe(ready)}, expected a function`);
  return { handler, ready: ready as (() => unknown) | undefined }; // a function, and no more is known
}

function isServable(handler: unknown): handler is Handler | ServedApp {
  return isHttpApp(handler) || typeof handler === 'function'; // called with what a Handler gets
}

function notServable(file: string, handler: unknown): ServeError {
  const got = handler === undefined ? 'it has no default export' : `its default export is ${describe(handler)}`;
  return new ServeError(
    'load',
    `cannot serve ${file}: ${got}, expected a function: export default async (reader, writer) => { ... }, or an app with fetch`,
  );
}

/** @throws ServeError unless there is a file */
export function checkFile(file: string): void {
  const found = statSync(resolve(file), { throwIfNoEntry: false });
  if (found === undefined) throw new ServeError('load', `cannot serve ${file}: there is no such file`, { exitCode: 2 });
  if (!found.isFile()) throw new ServeError('load', `cannot serve ${file}: it is not a file`, { exitCode: 2 });
}

async function loadFile(file: string, hasExports: boolean): Promise<Module> {
  checkFile(file);
  return load(resolve(file), file, hasExports);
}

interface Module {
  readonly default?: unknown;
  readonly ready?: unknown;
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

async function load(path: string, file: string, hasExports: boolean): Promise<Module> {
  const slow = setTimeout(() => {
    if (!hasExports) return; // a program may load for as long as it runs
    const note = 'a program that serves by itself is started without `maitre serve`';
    process.stderr.write(`maitre: ${escapeControl(file)} is still loading and has exported nothing yet; ${note}\n`);
  }, SLOW_LOAD);
  try {
    return await importModule(pathToFileURL(path).href);
  } catch (error) {
    if (error instanceof TypeScriptError) throw new ServeError('load', `cannot serve ${file}: ${error.message}`);
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
      const [why = '', ...more] = error.message.split('\n'); // Deno reports mistakes in the file this way, with its lines
      throw new ServeError('load', `cannot serve ${file}: ${why}`, {
        detail: more.length > 0 ? more.join('\n') : undefined,
      });
    }
    const fault = transformFault(error);
    if (fault !== undefined) throw new ServeError('load', `cannot serve ${file}: ${fault}`);
    const what = `cannot serve ${file}: it failed while loading`;
    const detail = isNode ? detailOf(error) : undefined;
    if (detail !== undefined) throw new ServeError('load', what, { detail });
    const place = isNode && !hasExports ? findSyntaxFault(path) : undefined; // a worker has to tell its supervisor
    if (place !== undefined) throw new ServeError('load', what, { detail: place });
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
export function detailOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return inspect(error);
  const lines = error.stack.split('\n');
  while (isCaller(lines.at(-1) ?? '')) lines.pop();
  error.stack = lines.join('\n');
  if (lines.length === 1) return undefined;
  return lines.some(isFrame) ? inspect(error) : error.stack; // inspect puts one without frames into brackets
}
