// In a fresh clone there are no packages. The scripts that people and CI start install them first, so nothing that is
// loaded before may import one.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { posix } from 'node:path';
import { readText } from './source-files.js';

const staticImport = /^(?:import|export) [^;]*?from '([^']+)';|^import '([^']+)';/gms;

describe('a fresh clone', () => {
  const manifest = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
  const commands = [...Object.values(manifest.scripts), readText('.ci/run')].join('\n');
  const started = [...new Set([...commands.matchAll(/scripts\/[\w-]+\.mjs/g)].map(([path]) => path))];

  test('installs packages before it needs them', () => {
    assert.ok(started.length > 10, started.join(', '));
    for (const entry of started) assert.deepEqual(packagesOf(entry), [], `${entry} imports them before setUp() ran`);
  });

  test('the check sees an import in a file that a script imports', () => {
    assert.deepEqual(packagesOf('scripts/serve-page.mjs'), ['vite']);
  });
});

/** The packages that a file imports, and what it imports does. */
function packagesOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  return [...readText(file).matchAll(staticImport)].flatMap(([, from, alone]) => {
    const specifier = from ?? alone ?? '';
    if (specifier.startsWith('.')) return packagesOf(posix.join(posix.dirname(file), specifier), seen);
    return specifier.startsWith('node:') ? [] : [specifier];
  });
}
