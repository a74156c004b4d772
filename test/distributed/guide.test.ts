// The commands of the guide "Many machines", as the guide has them, against a Redis of this test.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fencedBlocks } from '../meta/markdown.js';
import { readText } from '../meta/source-files.js';
import { endsWith, maitre, Program, root } from '../support/program.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { test } from '../support/test.js';

const redis = await RedisServer.shared();
const blocks = fencedBlocks(readText('docs/guides/many-machines.md'));

/** The only block whose info line is this. */
function block(info: string): string {
  const found = blocks.filter((each) => each.info === info);
  assert.equal(found.length, 1, info);
  return found[0]?.code ?? '';
}

test(
  'the commands of the guide do what it says',
  async () => {
    const folder = join(root, 'build/many-machines'); // inside the package, where its name means itself
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const name of ['heavy.mjs', 'main.mjs']) writeFileSync(join(folder, name), block(`js file=${name}`));
    const argsOf = (info: string): string[] =>
      block(info).trim().replace('redis://localhost:6379', redis.url).split(' ');
    const [npx, command, ...serve] = argsOf('sh worker');
    assert.deepEqual([npx, command], ['npx', 'maitre']);
    await using worker = new Program([maitre, ...serve], { cwd: folder });
    await worker.sees(/serving heavy from queue jobs, 2 at once, as threads/);
    const [node, ...call] = argsOf('sh caller');
    assert.equal(node, 'node');
    await using caller = new Program(call, { cwd: folder });
    const { stdout, stderr, code } = await caller.ended();
    assert.equal(code, 0, stderr);
    assert.equal(stdout, block('text'));
    await endsWith(worker, 'SIGTERM', 0, 15_000);
  },
  { skip: noRedis },
);
