// The file system is the subject here: time is real.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CancelledError, createTask, moveOnAfter, setExceptionHandler, TaskGroup, timeout } from 'maitre';
import { addInstrument, Resource } from 'maitre/lowlevel';
import { seededRandom } from 'maitre/testing';
import { type FileWatcher, temporaryFolder, watch, type WatchOptions } from 'maitre/files';
import { isDeno } from '../net/sockets.js';
import { Program } from '../support/program.js';
import { nextTurn, test } from '../support/test.js';

/** Runs `fn` with the path of a folder, a watcher of it that is ready, and its next changes as text: `created a/b`. */
async function withWatched(
  fn: (folder: string, next: () => Promise<string[]>, watcher: FileWatcher) => Promise<void>,
  { before, ...options }: WatchOptions & { readonly before?: (folder: string) => void } = {},
): Promise<void> {
  using temporary = temporaryFolder();
  const folder = `${temporary.path}/w`;
  mkdirSync(folder);
  before?.(folder);
  await using watcher = watch(folder, { debounce: 20, ...options });
  await watcher.ready();
  await fn(folder, () => nextOf(watcher, folder), watcher);
}

async function nextOf(watcher: FileWatcher, folder: string): Promise<string[]> {
  const { value = [] } = await timeout(10_000, () => watcher.next());
  return value.map(({ type, path }) => `${type} ${path === folder ? '.' : path.replace(`${folder}/`, '')}`);
}

const live = (): Resource[] => [...Resource.live].filter(({ kind }) => kind === 'watcher');

const oldTimes = 'written with its old time of modification and its old size';
const saves: Readonly<Record<string, (path: string) => unknown>> = {
  'written in place': (path) => writeFileSync(path, 'new'),
  'written to another file that is renamed to it': (path) => {
    writeFileSync(`${path}.tmp`, 'new');
    renameSync(`${path}.tmp`, path);
  },
  'renamed to a backup, written anew, and the backup removed': (path) => {
    renameSync(path, `${path}~`);
    writeFileSync(path, 'new');
    unlinkSync(`${path}~`);
  },
  'removed and written anew': (path) => {
    unlinkSync(path);
    writeFileSync(path, 'new');
  },
  'written in three pieces': async (path) => {
    for (const piece of ['n', 'e', 'w']) {
      appendFileSync(path, piece);
      await pause(5);
    }
  },
  [oldTimes]: (path) => {
    const { atime, mtime } = statSync(path);
    writeFileSync(path, 'OLD');
    utimesSync(path, atime, mtime);
  },
};

for (const [how, save] of Object.entries(saves)) {
  test(
    `a file that is saved is one change: ${how}`,
    async () => {
      await withWatched(
        async (folder, next) => {
          for (let times = 0; times < 3; times++) {
            await save(`${folder}/a`);
            assert.deepEqual(await next(), ['modified a']);
          }
        },
        { before: (folder) => writeFileSync(`${folder}/a`, 'old') },
      );
      // The same of a file that is watched by itself.
      await withWatchedFile(async (path, next) => {
        for (let times = 0; times < 3; times++) {
          await save(path);
          assert.deepEqual(await next(), ['modified .']);
        }
      });
    },
    { skip: isDeno && how === oldTimes && 'its times of change count seconds' },
  );
}

/** As `withWatched`, of a file alone. */
async function withWatchedFile(
  fn: (path: string, next: () => Promise<string[]>) => Promise<void>,
  options: WatchOptions = {},
): Promise<void> {
  using temporary = temporaryFolder();
  const path = `${temporary.path}/a`;
  writeFileSync(path, 'old');
  await using watcher = watch(path, { debounce: 20, ...options });
  await watcher.ready();
  await fn(path, () => nextOf(watcher, path));
}

test('the last of many writes is never lost, however close they are', async () => {
  await withWatchedFile(async (path, next) => {
    let seen = '';
    const reading = createTask(async () => {
      for (;;) {
        await next();
        seen = readFileSync(path, 'utf8');
        if (seen === 'z') return;
      }
    });
    for (let i = 0; i < 300; i++) {
      writeFileSync(path, String(i % 10)); // always the same size
      if (i % 3 === 0) await pause(i % 7);
    }
    writeFileSync(path, 'z');
    await timeout(5000, () => reading);
    assert.equal(seen, 'z');
  });
});

test('a write right after a look is seen, even in the same tick of the clock of file times', async () => {
  for (let round = 0; round < 20; round++) {
    await withWatchedFile(
      async (path, next) => {
        writeFileSync(path, '1');
        assert.deepEqual(await next(), ['modified .']);
        writeFileSync(path, '2');
        assert.deepEqual(await next(), ['modified .']);
      },
      { debounce: 0 },
    );
  }
});

test('ready() waits until every file is old enough to be told from its next version', async () => {
  using folder = temporaryFolder();
  for (let round = 0; round < 5; round++) {
    writeFileSync(`${folder.path}/a`, '');
    await using watcher = watch(folder.path);
    await watcher.ready();
    const age = Date.now() - statSync(`${folder.path}/a`).mtimeMs;
    assert.ok(age >= 19, `${age} ms`); // a clock of file times ticks every 10 ms or more often
  }
});

test('a new folder is seen with everything that is in it, and so is what happens in it later', async () => {
  await withWatched(async (folder, next) => {
    mkdirSync(`${folder}/a/b/c`, { recursive: true });
    writeFileSync(`${folder}/a/x`, '');
    writeFileSync(`${folder}/a/b/c/y`, '');
    assert.deepEqual(await next(), ['created a', 'created a/b', 'created a/b/c', 'created a/b/c/y', 'created a/x']);
    writeFileSync(`${folder}/a/b/c/y`, 'later');
    assert.deepEqual(await next(), ['modified a/b/c/y']);
  });
});

test('folders that are renamed, moved in, replaced and removed are seen with what is in them, then and later', async () => {
  await withWatched(
    async (folder, next) => {
      renameSync(`${folder}/a`, `${folder}/b`);
      assert.deepEqual(await next(), ['removed a', 'removed a/x', 'created b', 'created b/x']);
      writeFileSync(`${folder}/b/x`, 'later');
      assert.deepEqual(await next(), ['modified b/x']);

      rmSync(`${folder}/b`, { recursive: true });
      mkdirSync(`${folder}/b`); // often with the inode of the one before
      writeFileSync(`${folder}/b/y`, '');
      assert.deepEqual(await next(), ['removed b/x', 'created b/y'].sort(byPath));
      writeFileSync(`${folder}/b/y`, 'later');
      assert.deepEqual(await next(), ['modified b/y']);

      mkdirSync(`${folder}/../outside/deep`, { recursive: true });
      writeFileSync(`${folder}/../outside/deep/z`, '');
      renameSync(`${folder}/../outside`, `${folder}/c`);
      assert.deepEqual(await next(), ['created c', 'created c/deep', 'created c/deep/z']);
      writeFileSync(`${folder}/c/deep/z`, 'later');
      assert.deepEqual(await next(), ['modified c/deep/z']);

      rmSync(`${folder}/c`, { recursive: true });
      assert.deepEqual(await next(), ['removed c', 'removed c/deep', 'removed c/deep/z']);
      rmSync(`${folder}/b`, { recursive: true });
      writeFileSync(`${folder}/b`, 'a file now');
      assert.deepEqual(await next(), ['modified b', 'removed b/y']);
    },
    {
      before: (folder) => {
        mkdirSync(`${folder}/a`);
        writeFileSync(`${folder}/a/x`, '');
      },
    },
  );
});

function byPath(a: string, b: string): number {
  return (a.split(' ')[1] ?? '') < (b.split(' ')[1] ?? '') ? -1 : 1;
}

test('a watched folder, and the folders on the way to it, may vanish and come back', async () => {
  using temporary = temporaryFolder();
  const way = `${temporary.path}/on/the/way`;
  const make = (): void => {
    mkdirSync(way, { recursive: true });
    writeFileSync(`${way}/a`, '');
  };
  make();
  await using watcher = watch(way, { debounce: 20 });
  await watcher.ready();
  for (let times = 0; times < 3; times++) {
    rmSync(`${temporary.path}/on`, { recursive: true });
    assert.deepEqual(await nextOf(watcher, way), ['removed .', 'removed a']);
    make();
    assert.deepEqual(await nextOf(watcher, way), ['created .', 'created a']);
    writeFileSync(`${way}/a`, 'later');
    assert.deepEqual(await nextOf(watcher, way), ['modified a']);
  }
});

test('a log that is rotated, and a watched file that is gone for a while', async () => {
  await withWatched(
    async (folder, next) => {
      renameSync(`${folder}/log`, `${folder}/log.1`);
      writeFileSync(`${folder}/log`, 'new');
      assert.deepEqual(await next(), ['modified log', 'created log.1']);
      appendFileSync(`${folder}/log`, 'more');
      assert.deepEqual(await next(), ['modified log']);
    },
    { before: (folder) => writeFileSync(`${folder}/log`, 'old') },
  );
  await withWatchedFile(async (path, next) => {
    unlinkSync(path);
    assert.deepEqual(await next(), ['removed .']);
    writeFileSync(path, 'back');
    assert.deepEqual(await next(), ['created .']);
  });
});

test('links to a watched file are followed, also when a folder on their way is replaced', async () => {
  using temporary = temporaryFolder();
  const { path } = temporary;
  // As orchestrators replace the settings of a program: config -> data/config, data -> v1.
  for (const version of ['v1', 'v2']) {
    mkdirSync(`${path}/${version}`);
    writeFileSync(`${path}/${version}/config`, version);
  }
  symlinkSync('v1', `${path}/data`);
  mkdirSync(`${path}/app`);
  symlinkSync('../data/config', `${path}/app/config`);
  await using direct = watch(`${path}/data/config`, { debounce: 20 });
  await using linked = watch(`${path}/app/config`, { debounce: 20 });
  await Promise.all([direct.ready(), linked.ready()]);

  writeFileSync(`${path}/v1/config`, 'written through'); // in another folder than the link
  assert.deepEqual(await nextOf(direct, path), ['modified data/config']);
  assert.deepEqual(await nextOf(linked, path), ['modified app/config']);

  symlinkSync('v2', `${path}/data.new`);
  renameSync(`${path}/data.new`, `${path}/data`);
  assert.deepEqual(await nextOf(direct, path), ['modified data/config']);
});

test('a burst is one array, in the order of the paths', async () => {
  await withWatched(async (folder, next) => {
    const names = Array.from({ length: 1000 }, (_, i) => `f${String(i).padStart(3, '0')}`);
    for (const name of names.toReversed()) writeFileSync(`${folder}/${name}`, name);
    assert.deepEqual(
      await next(),
      names.map((name) => `created ${name}`),
    );
  });
});

test('what happens while the loop is busy joins into one change of each path', async () => {
  await withWatched(
    async (folder, next, watcher) => {
      for (let i = 0; i < 50; i++) {
        writeFileSync(`${folder}/a`, String(i));
        writeFileSync(`${folder}/new`, String(i));
        writeFileSync(`${folder}/passing-${i}`, '');
        await pause(2);
        unlinkSync(`${folder}/passing-${i}`);
      }
      unlinkSync(`${folder}/b`);
      await pause(50);
      assert.deepEqual(live()[0]?.statistics(), { paths: [folder], folders: 1, files: 3, found: 0, waiting: 0 });
      assert.deepEqual(await next(), ['modified a', 'removed b', 'created new']);
      const none = await moveOnAfter(100, () => watcher.next());
      assert.equal(none, undefined);
    },
    {
      before: (folder) => {
        for (const name of ['a', 'b', 'c']) writeFileSync(`${folder}/${name}`, '');
      },
    },
  );
});

test('changes wait for a pause of `debounce`, and at most ten times as long', async () => {
  await withWatched(
    async (folder, next) => {
      const start = performance.now();
      const changes = createTask(next, { eager: true });
      let last = start;
      let longestPause = 0; // on a busy machine, the file is not written when it should be
      while (!changes.done()) {
        writeFileSync(`${folder}/a`, String(performance.now()));
        longestPause = Math.max(longestPause, performance.now() - last);
        last = performance.now();
        await pause(5);
        assert.ok(last - start < 5000, 'a file that is always written held them up for ever');
      }
      assert.deepEqual(await changes, ['created a']);
      const took = last - start;
      assert.ok(took >= 580 || longestPause > 50, `they came after ${took} ms, without a pause`);
    },
    { debounce: 60 },
  );
});

test('a random tree is followed exactly', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const dice = seededRandom(seed);
  const random = (below: number): number => Math.floor(dice() * below);
  await withWatched(async (folder, _, watcher) => {
    const mirror = new Map<string, string | undefined>();
    const following = createTask(async () => {
      for await (const changes of watcher) {
        for (const { path } of changes) {
          mirror.set(path, contentOf(path));
          if (contentOf(path) === undefined) mirror.delete(path);
        }
        if (random(3) === 0) await pause(random(60)); // a slow loop
      }
    });
    const somewhere = (): string =>
      folder + Array.from({ length: 1 + random(3) }, () => `/${'abcd'[random(4)]}`).join('');
    const acts = [
      () => writeFileSync(somewhere(), String(random(10))),
      () => mkdirSync(somewhere(), { recursive: true }),
      () => rmSync(somewhere(), { recursive: true, force: true }),
      () => renameSync(somewhere(), somewhere()),
      () => {
        const path = somewhere();
        writeFileSync(`${path}.tmp`, String(random(10)));
        renameSync(`${path}.tmp`, path);
      },
    ];
    for (const end = performance.now() + 1500; performance.now() < end; await pause(random(2) * random(60))) {
      for (let i = random(8); i > 0; i--) {
        try {
          acts[random(acts.length)]?.();
        } catch {
          // What it wanted is not there: the next act.
        }
      }
    }
    await pause(500);
    await watcher.return?.();
    await following;
    const truth = new Map<string, string | undefined>();
    const walk = (path: string): void => {
      for (const name of namesIn(path)) {
        truth.set(`${path}/${name}`, contentOf(`${path}/${name}`));
        walk(`${path}/${name}`);
      }
    };
    walk(folder);
    const sorted = (map: ReadonlyMap<string, unknown>): unknown[] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(sorted(mirror), sorted(truth), `seed ${seed}`);
  });
});

test('a cancelled next() loses no change, whenever the cancel comes', async () => {
  await withWatched(
    async (folder, next, watcher) => {
      for (let ms = 0; ms < 40; ms += 2) {
        const cancelled = createTask(() => watcher.next(), { eager: true });
        writeFileSync(`${folder}/a`, String(ms));
        await pause(ms);
        if (cancelled.cancel()) {
          await assert.rejects(async () => cancelled, CancelledError);
          assert.deepEqual(await next(), ['modified a']);
        }
      }
    },
    { before: (folder) => writeFileSync(`${folder}/a`, '') },
  );
});

test('changes of a next() that was cancelled in the moment of its answer go to the next one', async () => {
  await withWatched(async (folder, next, watcher) => {
    const first = createTask(() => watcher.next(), { eager: true });
    const second = createTask(next, { eager: true });
    await nextTurn();
    assert.equal(live()[0]?.toString(), `<Watcher ${folder}>`);
    using _ = addInstrument({
      waitAnswered: ({ kind }) => {
        if (kind === 'watcher.next') first.cancel();
      },
    });
    writeFileSync(`${folder}/a`, '');
    await assert.rejects(async () => first, CancelledError);
    assert.deepEqual(await second, ['created a']);
  });
});

test('it ends with the scope it was called in: a timeout, a group, a task', async () => {
  using folder = temporaryFolder();
  for (const scope of [
    (fn: () => Promise<void>) => moveOnAfter(60_000, fn),
    (fn: () => Promise<void>) => TaskGroup.run(fn),
    (fn: () => Promise<void>) => createTask(fn),
  ]) {
    let watcher: FileWatcher | undefined;
    await scope(async () => {
      watcher = watch(folder.path);
      await watcher.ready();
      assert.equal(live().length, 1);
    });
    assert.equal(live().length, 0);
    assert.deepEqual(await watcher?.next(), { done: true, value: undefined });
  }
});

test('return() ends a next() that waits, and no look is left when it resolves', async () => {
  using folder = temporaryFolder();
  const watcher = watch(folder.path);
  const waiting = createTask(() => watcher.next(), { eager: true });
  await watcher.return?.();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  await watcher.ready(); // nothing to wait for any more
  assert.deepEqual(live(), []);
});

test('ignore leaves out files, and folders with what is in them', async () => {
  const asked = new Set<string>();
  await withWatched(
    async (folder, next) => {
      writeFileSync(`${folder}/modules/x`, 'later');
      writeFileSync(`${folder}/a.tmp`, '');
      writeFileSync(`${folder}/a`, '');
      assert.deepEqual(await next(), ['created a']);
      assert.ok(!asked.has(`${folder}/modules/x`));
    },
    {
      before: (folder) => {
        mkdirSync(`${folder}/modules`);
        writeFileSync(`${folder}/modules/x`, '');
      },
      ignore: (path) => {
        asked.add(path);
        return path.endsWith('/modules') || path.endsWith('.tmp');
      },
    },
  );
});

test('an error of ignore ends the watch with it', async () => {
  await withWatched(
    async (folder, next) => {
      writeFileSync(`${folder}/a`, '');
      await assert.rejects(next(), { message: 'no opinion on a' });
      assert.deepEqual(await next(), []); // done
    },
    {
      ignore: (path) => {
        throw new Error(`no opinion on ${path.split('/').at(-1)}`);
      },
    },
  );
});

test('recursive: false leaves out what is in the folders of the watched one', async () => {
  await withWatched(
    async (folder, next) => {
      writeFileSync(`${folder}/a/x`, '');
      mkdirSync(`${folder}/b`);
      assert.deepEqual(await next(), ['created b']);
      writeFileSync(`${folder}/b/y`, '');
      rmSync(`${folder}/a`, { recursive: true });
      assert.deepEqual(await next(), ['removed a']);
    },
    { recursive: false, before: (folder) => mkdirSync(`${folder}/a`) },
  );
});

test('poll looks at everything at its interval', async () => {
  await withWatched(
    async (folder, next) => {
      mkdirSync(`${folder}/a`);
      writeFileSync(`${folder}/a/x`, '');
      assert.deepEqual(await next(), ['created a', 'created a/x']);
      writeFileSync(`${folder}/a/x`, 'later');
      assert.deepEqual(await next(), ['modified a/x']);
    },
    { poll: 20 },
  );
});

test('paths of changes begin as the watched path was written', async () => {
  using folder = temporaryFolder();
  writeFileSync(`${folder.path}/a`, '');
  const cwd = process.cwd();
  process.chdir(folder.path);
  try {
    await using relative = watch('.', { debounce: 20 });
    await using several = watch(['./a', pathToFileURL(`${folder.path}/a`), `${folder.path}//`], { debounce: 20 });
    await Promise.all([relative.ready(), several.ready()]);
    writeFileSync('a', 'new');
    assert.deepEqual((await relative.next()).value, [{ type: 'modified', path: 'a', isFolder: false }]);
    const paths = (await several.next()).value?.map(({ path }) => path);
    assert.deepEqual(paths, [`${folder.path}/a`, 'a']); // what two of the paths have is one change
  } finally {
    process.chdir(cwd);
  }
});

test('a path that is not there rejects next() and ready(), and is reported if nobody asks', async () => {
  const missing = watch('/no/such/file');
  await assert.rejects(missing.ready(), { code: 'ENOENT' });
  await assert.rejects(missing.next(), { code: 'ENOENT' });
  assert.deepEqual(await missing.next(), { done: true, value: undefined });
  await assert.rejects(watch('/no/such/file').next(), { code: 'ENOENT' });

  const reported: string[] = [];
  using _ = setExceptionHandler(({ message }) => void reported.push(message));
  await createTask(async () => {
    watch('/no/such/file');
    await pause(50);
  });
  assert.deepEqual(reported, ['A source failed that nobody waited for (watcher /no/such/file)']);
  assert.deepEqual(live(), []);
});

test('watch refuses what is no path and no option', () => {
  const wrong: [unknown, object, string, RegExp][] = [
    [5, {}, 'TypeError', /Cannot watch: expected paths or file URLs, got 5/],
    [[], {}, 'RangeError', /one path or more/],
    ['', {}, 'RangeError', /must not be empty/],
    ['/', { recursive: 1 }, 'TypeError', /recursive/],
    ['/', { ignore: '*.tmp' }, 'TypeError', /ignore/],
    ['/', { debounce: -1 }, 'RangeError', /debounce/],
    ['/', { poll: 0 }, 'RangeError', /poll/],
    ['/', { persistent: true }, 'TypeError', /unknown option "persistent"/],
  ];
  for (const [paths, options, name, message] of wrong) {
    assert.throws(() => watch(paths as never, options), { name, message });
  }
  assert.deepEqual(live(), []);
});

test('a program that waits for a change alone stays alive, and ends when it came', async () => {
  using folder = temporaryFolder();
  const file = fileURLToPath(new URL('./fixtures/waits-for-change.js', import.meta.url));
  await using program = new Program([...(isDeno ? ['run', '-A', '--no-lock', '--no-check'] : []), file, folder.path]);
  await program.sees(/waits/);
  await pause(100); // an empty loop would end it meanwhile
  writeFileSync(`${folder.path}/a`, '');
  const { code, stdout } = await program.ended();
  assert.equal(stdout, 'waits\ncreated a\nover\n');
  assert.equal(code, 0);
});

/** The text of a file, '<folder>', or undefined for what is not there. */
function contentOf(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? '<folder>' : readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function namesIn(path: string): string[] {
  return contentOf(path) === '<folder>' ? readdirSync(path) : [];
}
