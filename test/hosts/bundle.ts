// Doors of maitre as browsers have them: bundled with a browser's conditions, and run where there is no Node.

import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { root } from '../meta/source-files.js';
import { withPage } from '../support/browser.js';

export interface Bundle {
  readonly code: string;
  readonly files: readonly string[];
}

/**
 * Bundles as a web application would: for browsers, minified, without what is not used. As a script, its exports are
 * the fields of the global `program`.
 */
export async function bundle(code: string, as: 'script' | 'module' = 'script'): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: 'browser',
    target: 'es2022',
    ...(as === 'script' ? { format: 'iife', globalName: 'program' } : { format: 'esm' }),
    logLevel: 'silent',
  });
  return { code: outputFiles[0]?.text ?? '', files: Object.keys(metafile.inputs) };
}

/** Bytes of the bundle as a server would send it: `gzip -9`. */
export async function gzippedSize(code: string): Promise<number> {
  return gzipSync((await bundle(code)).code, { level: 9 }).length;
}

/** The rooms of src that a bundle's files are of. */
export function roomsOf(files: readonly string[]): string[] {
  const rooms = files.map((file) => /dist\/([\w-]+)\//.exec(file)?.[1]).filter((room) => room !== undefined);
  return [...new Set(rooms)].sort();
}

/** Runs a program that exports `result` in a context that has only timers and a console. */
export async function runBare(program: string): Promise<string[]> {
  return run(program, {});
}

/** Runs it in a context that has what browsers have, and counts the channels it makes. */
export async function runAsInBrowser(program: string): Promise<{ seen: string[]; channels: number }> {
  const channels: MessageChannel[] = [];
  class Channel extends MessageChannel {
    constructor() {
      super();
      channels.push(this);
    }
  }
  const globals = {
    AbortController,
    performance,
    MessageChannel: Channel,
    queueMicrotask,
    TextEncoder,
    TextDecoder,
    URL,
  };
  try {
    return { seen: await run(program, globals), channels: channels.length };
  } finally {
    for (const { port1 } of channels) port1.close(); // an open port keeps Node alive
  }
}

async function run(program: string, globals: object): Promise<string[]> {
  const { code } = await bundle(program);
  const context = createContext({ setTimeout, clearTimeout, console, ...globals });
  return (await runInContext(`${code}; program.result`, context)) as string[]; // what the program returns
}

/** Runs it in Chromium, and collects the errors that nobody caught. */
export async function runInBrowser(program: string): Promise<{ seen: string[]; errors: readonly unknown[] }> {
  const { code } = await bundle(program);
  return withPage(async (page, errors) => {
    const seen = await page.evaluate<string[]>(`${code}; program.result`);
    return { seen, errors };
  });
}
