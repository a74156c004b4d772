// Getting the handler out of a user's file, TypeScript or JavaScript, on whatever runtime this is.
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Handler } from '../index.node.ts';
import { CommandError } from './usage.ts';

/** Loads `file` and gives what it exports by default, which must be a function. */
export async function loadHandler(file: string): Promise<Handler> {
  const path = resolve(file);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new CommandError(`cannot serve ${file}: there is no such file`, 2);
  if (!found.isFile()) throw new CommandError(`cannot serve ${file}: it is not a file`, 2);
  const module = await load(path, file);
  const handler = module.default;
  if (typeof handler === 'function') return handler as Handler; // called with what a Handler gets
  const got = handler === undefined ? 'it has no default export' : `its default export is ${typeof handler}`;
  throw new CommandError(
    `cannot serve ${file}: ${got}, expected a function: export default async (reader, writer) => { ... }`,
    1,
  );
}

interface Module {
  readonly default?: unknown;
}

async function load(path: string, file: string): Promise<Module> {
  const url = pathToFileURL(path).href;
  const typed = /\.[cm]?tsx?$/.test(path);
  if (typed && !stripsTypes()) return loadWithTsx(path, url, file, 'does not run TypeScript');
  try {
    return (await import(url)) as Module;
  } catch (error) {
    // Nothing of it has run yet when it cannot be parsed. `using` is younger than type stripping.
    if (isSyntaxError(error)) return loadWithTsx(path, url, file, `cannot parse it (${(error as Error).message.split('\n')[0]})`);
    throw error;
  }
}

function stripsTypes(): boolean {
  if ('bun' in process.versions || 'deno' in process.versions) return true;
  const features = process.features as { typescript?: unknown }; // unknown to older type declarations
  return features.typescript !== undefined && features.typescript !== false;
}

function isSyntaxError(error: unknown): boolean {
  const code = (error as { code?: string } | null)?.code;
  return error instanceof SyntaxError || code === 'ERR_INVALID_TYPESCRIPT_SYNTAX' || code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
}

/** tsx is looked for where the file is, then where the command runs. */
async function loadWithTsx(path: string, url: string, file: string, why: string): Promise<Module> {
  const api = findTsx(path) ?? findTsx(resolve('package.json'));
  if (api === undefined) {
    throw new CommandError(
      `cannot serve ${file}: Node ${process.versions.node} ${why}; install tsx (npm install --save-dev tsx) or use Node 24`,
      1,
    );
  }
  const tsx = (await import(api)) as { register(): unknown };
  tsx.register();
  return (await import(`${url}?tsx`)) as Module; // another URL: a failed import is remembered
}

/** The URL of tsx's register function as seen from a file; undefined where it is not installed. */
function findTsx(from: string): string | undefined {
  let manifest: string;
  try {
    manifest = createRequire(from).resolve('tsx/package.json');
  } catch {
    return undefined; // not installed there
  }
  // What `import 'tsx/esm/api'` would find from there; require.resolve finds the CommonJS build, which differs.
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as TsxManifest;
  return new URL(exports['./esm/api'].import.default, pathToFileURL(manifest)).href;
}

interface TsxManifest {
  readonly exports: { readonly './esm/api': { readonly import: { readonly default: string } } };
}
