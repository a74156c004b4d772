// The system's notifications are the subject here: time is real.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, watch } from 'maitre/files';
import { isDeno } from '../net/sockets.js';
import { Program } from '../support/program.js';
import { test } from '../support/test.js';

test(
  'a flood that the system cannot keep loses no change elsewhere',
  async () => {
    using folder = temporaryFolder();
    for (const name of ['busy', 'quiet']) mkdirSync(`${folder.path}/${name}`);
    writeFileSync(`${folder.path}/quiet/a`, '');
    // Two watches: the one whose notifications are all lost has to hear of it, too.
    await using busy = watch(`${folder.path}/busy`);
    await using quiet = watch(`${folder.path}/quiet`);
    await Promise.all([busy.ready(), quiet.ready()]);
    const changes = quiet.next();
    await pause(20);
    // Linux keeps 16,384, unless it was told otherwise.
    for (let i = 0; i < 24_000; i++) writeFileSync(`${folder.path}/busy/${i % 3000}`, String(i));
    writeFileSync(`${folder.path}/quiet/a`, 'new');
    assert.deepEqual((await changes).value, [{ type: 'modified', path: `${folder.path}/quiet/a`, isFolder: false }]);
    assert.equal((await busy.next()).value?.length, 3000);
  },
  { timeout: 40_000 },
);

/** Runs a program where the system allows `count` of something, or says why that cannot be. */
const limited = (limit: string, count: number): string[] => [
  '-Ur',
  'sh',
  '-c',
  `echo ${count} > /proc/sys/user/${limit} && exec "$@"`,
  'sh',
];
const cannotLimit = (): string | false => {
  const { status } = spawnSync('unshare', [...limited('max_inotify_watches', 10), 'true']);
  return status === 0 ? false : 'this system has no limits of its own for a user namespace';
};

for (const [limit, code] of [
  ['max_inotify_watches', 'ENOSPC'],
  ['max_inotify_instances', 'EMFILE'],
] as const) {
  test(
    `when the system allows no more watches (${code}), next() rejects and says what to do; poll needs none`,
    async () => {
      using folder = temporaryFolder();
      for (let i = 0; i < 20; i++) mkdirSync(`${folder.path}/${i}`);
      const file = fileURLToPath(new URL('./fixtures/out-of-watches.js', import.meta.url));
      const own = isDeno ? ['run', '-A', '--no-lock', '--no-check'] : [];
      const count = code === 'ENOSPC' ? 10 : 0;
      const args = [...limited(limit, count), process.execPath, ...own, file, folder.path];
      await using program = new Program(args, { command: 'unshare' });
      const { stdout, stderr } = await program.ended();
      const expected = new RegExp(
        String.raw`^${code}: Cannot watch /.*: the system allows no more watches \(${code}\); ` +
          String.raw`raise fs\.inotify\.max_user_\w+, leave folders out with \{ ignore \}, or look regularly with ` +
          String.raw`\{ poll: 1000 \}\npoll: created\n$`,
      );
      assert.match(stdout, expected, stderr);
    },
    { skip: cannotLimit() },
  );
}
