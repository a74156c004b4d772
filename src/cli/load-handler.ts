// Getting the handler out of a user's file, TypeScript or JavaScript, on whatever runtime this is.
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { escapeControl } from '../base/index.ts';
import type { Handler } from '../index.node.ts';
import { CommandError } from './command.ts';

/** After how long a file that is still loading is told, milliseconds: most likely it runs a program of its own. */
const SLOW_LOAD = 2000;
const isNode = !('bun' in process.versions || 'deno' in process.versions);
/** Where this command is, as a URL and as a path; Deno's stacks show its sources. */
const HERE = import.meta.url.replace(/(?:dist|src)\/cli\/[^/]*$/, '');
const OWN = [HERE, fileURLToPath(HERE)].flatMap((place) => [`${place}dist/cli/`, `${place}src/cli/`]);

/** Loads `file` and gives what it exports by default, which must be a function. */
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

/** The default export. An ES module that was compiled to CommonJS, as tsx does without `"type": "module"`, wraps it. */
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
      const [why = '', ...more] = error.message.split('\n'); // Deno tells so of mistakes in the file, with its lines
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
    // Nothing of it has run yet. `using` is younger than type stripping, and an enum or the like is not stripped.
    const why = `cannot run it as it is (${(error as Error).message.split('\n')[0]})`; // isUnparsed looked
    return loadWithTsx(path, url, file, why, error);
  }
}

/** What tsx says of a file that cannot be parsed, with where: `handler.ts:2:6: Expected identifier but found "="`. */
function transformFault(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'TransformError') return undefined;
  const [, ...faults] = error.message.split('\n'); // the first line counts them
  return faults.join('; ').replaceAll(': ERROR: ', ': ');
}

/**
 * What is shown of an error of the file: all of it but those who called the file, the loader and this command. Undefined where
 * only Node can tell: which line of an ES module it cannot parse, it shows when the error ends the process.
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

/** Whether a file could not be parsed. A SyntaxError that code threw, as JSON.parse does, shows that code in its stack. */
function isUnparsed(error: unknown): boolean {
  if (!(error instanceof SyntaxError)) return false;
  const frames = (error.stack ?? '').split('\n').filter(isFrame);
  return frames.every(isCaller);
}

/** tsx is looked for where the file is, then where the command runs. */
async function loadWithTsx(path: string, url: string, file: string, why: string, error?: unknown): Promise<Module> {
  const tsx = findTsx(path) ?? findTsx(resolve('package.json'));
  if (tsx === undefined) {
    const [major = 0] = process.versions.node.split('.').map(Number);
    const unsupported = (error as { code?: string } | undefined)?.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
    if (major >= 24 && !unsupported) throw error; // a plain mistake
    const way = `install tsx (npm install --save-dev tsx)${unsupported ? '' : ' or use Node 24'}`;
    throw new CommandError(`cannot serve ${file}: Node ${process.versions.node} ${why}; ${way}`, 1);
  }
  // Both: without `"type": "module"` in its package.json a .ts file is CommonJS.
  for (const api of tsx) ((await import(api)) as { register(): unknown }).register();
  return (await import(`${url}#tsx`)) as Module; // another URL: a failed import is remembered
}

/** The URLs of tsx's two register functions as seen from a file; undefined where it is not installed. */
function findTsx(from: string): string[] | undefined {
  let manifest: string;
  try {
    manifest = createRequire(from).resolve('tsx/package.json');
  } catch {
    return undefined; // not installed there
  }
  // What `import 'tsx/esm/api'` would find from there; require.resolve finds the CommonJS build, which differs.
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as TsxManifest;
  return [exports['./cjs/api'], exports['./esm/api']].map(
    (entry) => new URL(entry.import.default, pathToFileURL(manifest)).href,
  );
}

interface TsxManifest {
  readonly exports: Readonly<Record<'./cjs/api' | './esm/api', { readonly import: { readonly default: string } }>>;
}
