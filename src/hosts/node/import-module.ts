// Imports a module of the user, TypeScript or JavaScript, on any runtime. Where the runtime does not
// run TypeScript, or not this file of it, tsx does, if it is installed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const isNode = !('bun' in process.versions || 'deno' in process.versions);
/** The location of maitre, as a URL and as a path. The stacks of Deno show the sources. */
const HERE = import.meta.url.replace(/(?:dist|src)\/hosts\/node\/[^/]*$/, '');
const OWN = [HERE, fileURLToPath(HERE)].flatMap((place) => [`${place}dist/`, `${place}src/`]);

/** The register functions of tsx that were called. */
const registered = new Set<string>();

type Module = Readonly<Record<string, unknown>>;

/** A runtime cannot run a module of TypeScript, and tsx is not installed. */
export class TypeScriptError extends Error {
  override readonly name = 'TypeScriptError';
}

/**
 * Imports a module. Looks for tsx beside the module, then in the current folder.
 * @param url its address
 * @throws TypeScriptError if this runtime cannot run it and tsx is not installed
 * @throws what the module throws, and what the runtime throws for one that it cannot find or parse
 */
export async function importModule(url: string): Promise<Module> {
  const module = await importWithin(url);
  const { default: inner } = module;
  return isCompiled(inner) ? inner : module;
}

/**
 * Whether it is the exports of an ES module that was compiled to CommonJS, as tsx does without
 * `"type": "module"`.
 */
function isCompiled(exports: unknown): exports is Module {
  return typeof exports === 'object' && exports !== null && (exports as Module)['__esModule'] === true;
}

async function importWithin(url: string): Promise<Module> {
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  const typed = /\.[cm]?tsx?$/.test(path);
  if (!isNode || !typed) return (await import(url)) as Module;
  if (!stripsTypes()) return importWithTsx(path, url, 'does not run TypeScript');
  try {
    return (await import(url)) as Module;
  } catch (error) {
    if (!isUnparsed(error)) throw error;
    // Nothing of the file has run yet. Type stripping does not know `using`, and does not strip
    // enums and the like.
    const why = `cannot run it as it is (${(error as Error).message.split('\n')[0]})`; // isUnparsed looked
    return importWithTsx(path, url, why, error);
  }
}

/** Whether a line of a stack is a frame. */
export function isFrame(line: string): boolean {
  return /^ +at /.test(line);
}

/** Whether it is one of those that have called the module: of the runtime, or of maitre. */
export function isCaller(line: string): boolean {
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
async function importWithTsx(path: string, url: string, why: string, error?: unknown): Promise<Module> {
  const tsx = findTsx(path) ?? findTsx(resolve('package.json'));
  if (tsx === undefined) {
    const [major = 0] = process.versions.node.split('.').map(Number);
    const unsupported = (error as { code?: string } | undefined)?.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
    if (major >= 24 && !unsupported) throw error; // a plain mistake
    const way = `install tsx (npm install --save-dev tsx)${unsupported ? '' : ' or use Node 24'}`;
    throw new TypeScriptError(`Node ${process.versions.node} ${why}; ${way}`);
  }
  // Registers both: without `"type": "module"` in its package.json, a .ts file is CommonJS.
  for (const api of tsx) {
    if (registered.has(api)) continue;
    registered.add(api);
    ((await import(api)) as { register(): unknown }).register();
  }
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
