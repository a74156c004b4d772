// One suite for workers that are threads, and for those that are processes.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type CrewOptions, serveWorkers, type Supervisor, type WorkersEvent } from 'maitre/workers';
import { freePort, isNode } from '../../net/sockets.js';
import { test } from '../../support/test.js';

/** Node moves sockets to threads from these versions on. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const movesSockets = isNode && ((major === 24 && minor >= 21) || (major === 26 && minor >= 6) || major > 26);

/** `test` once for each kind of worker. */
export function bothTest(name: string, body: (isolate: 'threads' | 'processes') => Promise<void>): void {
  for (const isolate of ['processes', 'threads'] as const) {
    const skip = !isNode
      ? 'this runtime has no workers'
      : isolate === 'threads' && !movesSockets && `Node ${process.versions.node} cannot move sockets to threads`;
    test(`${name} (${isolate})`, () => body(isolate), { timeout: 120_000, skip });
  }
}

/** The path of a compiled fixture. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}.js`, import.meta.url));
}

/** A file that is served, and saved anew. */
export class ServedFile implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'maitre-workers-'));
  readonly path: string = join(this.#folder, 'app.mjs');

  /** Serves a fixture. */
  serve(name: string): void {
    this.save(`export * from ${JSON.stringify(pathToFileURL(fixture(name)).href)};\n`);
  }

  /** At once and whole. */
  save(text: string): void {
    writeFileSync(`${this.path}.next`, text);
    renameSync(`${this.path}.next`, this.path);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export interface Served {
  readonly supervisor: Supervisor;
  readonly file: ServedFile;
  readonly events: WorkersEvent[];
  readonly http: number;
  readonly raw: number;
}

/** Runs `body` with workers that serve the fixture every-kind. All are gone afterwards. */
export async function withWorkers(options: CrewOptions, body: (served: Served) => Promise<void>): Promise<void> {
  using file = new ServedFile();
  file.serve('every-kind');
  const [http, raw] = [await freePort(), await freePort()];
  const events: WorkersEvent[] = [];
  process.env['TEST_PORTS'] = `${http},${raw}`;
  const supervisor = await serveWorkers(file.path, {
    host: '127.0.0.1',
    workers: 2,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  try {
    await body({ supervisor, file, events, http, raw });
  } finally {
    await supervisor.shutdown({ grace: 0 });
  }
}
