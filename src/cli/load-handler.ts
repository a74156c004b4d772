// Loads the handler from a user's file, TypeScript or JavaScript, on any runtime.
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { escapeControl } from '../base/index.ts';
import type { Handler } from '../index.node.ts';
import { CommandError } from './command.ts';

/**
 * Milliseconds after which a file that is still loading is reported: most likely it runs a program
 * of its own.
 */
const SLOW_LOAD = 2000;
const isNode = !('bun' in process.versions || 'deno' in process.versions);
/** The location of this command, as a URL and as a path. The stacks of Deno show the sources. */
const HERE = import.meta.url.replace(/(?:dist|src)\/cli\/[^/]*$/, '');
const OWN = [HERE, fileURLToPath(HERE)].flatMap((place) => [`${place}dist/cli/`, `${place}src/cli/`]);

/**
 * Loads `file` and returns its default export, which must be a function.
 * @throws CommandError when it cannot be loaded or exports no function
 */
export async function loadHandler(file: string): Promise<Handler> {
  const path = resolve(file);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new CommandError(`cannot serve ${file}: there is no such file`, 2);
  if (!found.isFile()) throw new CommandError(`cannot serve ${file}: it is not a file`, 2);
  const handler = defaultExport(await load(path, file));
  if (typeof handler === 'function') return handler as Handler; // called with what a Handler gets
  const got = handler === undefined ? 'it has no default export' : `its default export is ${describe(handler)}`;
  throw new CommandError(
    `cannot serve ${file}: ${got}, expected a function: export default async (reader, writer) => { ... }`,
    1,
  );
}

interface Module {
  readonly default?: unknown;
  readonly __esModule?: unknown;
}

/**
 * The default export. If an ES module was compiled to CommonJS, as tsx does without `"type":
 * "module"`, it is wrapped.
 */
function defaultExport({ default: value }: Module): unknown {
  const inner = typeof value === 'object' && value !== null ? (value as Module) : undefined;
  return inner?.__esModule === true ? inner.default : value;
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
    return await loadWithin(path, file);
  } catch (error) {
    if (error instanceof CommandError) throw error;
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

async function loadWithin(path: string, file: string): Promise<Module> {
  const url = pathToFileURL(path).href;
  const typed = /\.[cm]?tsx?$/.test(path);
  if (!isNode || !typed) return (await import(url)) as Module;
  if (!stripsTypes()) return loadWithTsx(path, url, file, 'does not run TypeScript');
  try {
    return (await import(url)) as Module;
  } catch (error) {
    if (!isUnparsed(error)) throw error;
    // Nothing of the file has run yet. Type stripping does not know `using`, and does not strip
    // enums and the like.
    const why = `cannot run it as it is (${(error as Error).message.split('\n')[0]})`; // isUnparsed looked
    return loadWithTsx(path, url, file, why, error);
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

function isFrame(line: string): boolean {
  return /^ +at /.test(line);
}

function isCaller(line: string): boolean {
  return isFrame(line) && (/[( ]node:/.test(line) || OWN.some((place) => line.includes(place)));
}

function stripsTypes(): boolean {
  const features = process.features as { typescript?: unknown }; // unknown to older type declarations
  return features.typescript !== undefined && features.typescript !== false;
}

/**
 * Whether the file could not be parsed. A SyntaxError that code threw, as JSON.parse does, has that
 * code in its stack.
 */
function isUnparsed(error: unknown): boolean {
  if (!(error instanceof SyntaxError)) return false;
  const frames = (error.stack ?? '').split('\n').filter(isFrame);
  return frames.every(isCaller);
}

/** Loads the file with tsx, which it looks for beside the file, then in the current folder. */
async function loadWithTsx(path: string, url: string, file: string, why: string, error?: unknown): Promise<Module> {
  const tsx = findTsx(path) ?? findTsx(resolve('package.json'));
  if (tsx === undefined) {
    const [major = 0] = process.versions.node.split('.').map(Number);
    const unsupported = (error as { code?: string } | undefined)?.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
    if (major >= 24 && !unsupported) throw error; // a plain mistake
    const way = `install tsx (npm install --save-dev tsx)${unsupported ? '' : ' or use Node 24'}`;
    throw new CommandError(`cannot serve ${file}: Node ${process.versions.node} ${why}; ${way}`, 1);
  }
  // Registers both: without `"type": "module"` in its package.json, a .ts file is CommonJS.
  for (const api of tsx) ((await import(api)) as { register(): unknown }).register();
  return (await import(`${url}#tsx`)) as Module; // another URL: a failed import is remembered
}

/**
 * The URLs of tsx's two register functions, resolved from a file. Undefined where tsx is not
 * installed.
 */
function findTsx(from: string): string[] | undefined {
  let manifest: string;
  try {
    manifest = createRequire(from).resolve('tsx/package.json');
  } catch {
    return undefined; // not installed there
  }
  // Resolve as `import 'tsx/esm/api'` would from there. require.resolve finds the CommonJS build,
  // which differs.
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as TsxManifest;
  return [exports['./cjs/api'], exports['./esm/api']].map(
    (entry) => new URL(entry.import.default, pathToFileURL(manifest)).href,
  );
}

interface TsxManifest {
  readonly exports: Readonly<Record<'./cjs/api' | './esm/api', { readonly import: { readonly default: string } }>>;
}
