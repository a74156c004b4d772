// The programs that show one thing each: started as their first line says, and looked at with the commands that their
// comments name. The operating system, a thread of guests and a second process are the subject, so time is real.
import assert from 'node:assert/strict';
import { type Ended, Folder, maitre, Program, programArgs } from '../../support/program.js';
import { test } from '../../support/test.js';

/** Starts a program of examples/see with a folder of its own for its control socket. */
async function start(name: string): Promise<{ look: Look; [Symbol.asyncDispose](): Promise<void> }> {
  const folder = new Folder();
  const env = { XDG_RUNTIME_DIR: folder.path };
  const program = new Program(programArgs(`examples/see/${name}.ts`), { env });
  const dispose = async (): Promise<void> => {
    await program[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  };
  try {
    await program.sees(/guests at 127\.0\.0\.1:\d+; watch them: http:\/\/127\.0\.0\.1:\d+\/\?token=\S+\n/);
  } catch (error) {
    await dispose();
    throw error;
  }
  // With its number: other programs may run, which commands find in the usual folder too.
  return { look: (...args) => look([...args, String(program.child.pid)], env), [Symbol.asyncDispose]: dispose };
}

type Look = (...args: readonly string[]) => Promise<string>;

async function look(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  await using command = new Program([maitre, ...args], { env });
  const { code, stdout, stderr }: Ended = await command.ended();
  assert.equal(stderr, '');
  assert.ok(code === 0 || code === 1, `exit code ${code}`);
  return stdout;
}

/** Looks until it is there, for 12 seconds at most. */
async function until(pattern: RegExp, lookAgain: () => Promise<string>): Promise<string> {
  const end = performance.now() + 12_000;
  for (;;) {
    const text = await lookAgain();
    if (pattern.test(text)) return text;
    assert.ok(performance.now() < end, text);
  }
}

test('blocker: the block is named while it lasts, with peer, function and line', async () => {
  await using program = await start('blocker');
  // On a busy machine, a look may come before the first answer from within the block, and the system may have run others.
  const named = /^Blocked for \S+ m?s\b.* by client \d+ in kneadDough \(blocker\.ts:\d+\)/;
  assert.match(await until(named, () => program.look('blocked')), /127\.0\.0\.1:\d+/);
});

test('slow-eater: those who do not read come first when sorted by unsent bytes, and the loop keeps up', async () => {
  await using program = await start('slow-eater');
  await until(/2 {2}wait in drain(?: probably)? at slow-eater\.ts:\d+/, () => program.look('ps'));
  const rows = (await program.look('connections', '--sort', 'unsent')).split('\n').slice(2, 5);
  assert.deepEqual(
    rows.map((row) => /wait in (\w+)(?: probably)? at slow-eater\.ts:\d+/.exec(row)?.[1]),
    ['drain', 'drain', 'readLine'],
  );
  assert.match(await program.look('ps'), /^The loop keeps up/);
});

test('lock-convoy: one line says how many wait for the lock, and who holds it', async () => {
  await using program = await start('lock-convoy');
  await until(/^ +3\d {2}wait for lock "ledger", held by client \d+ /m, () => program.look('ps'));
});

test('task-leak: one line says how many tasks wait and where, and the number only rises', async () => {
  await using program = await start('task-leak');
  const leaked =
    /^ +([\d,]+) {2}(?:tasks )?wait in event\.wait for event "closing time"(?: probably)? at task-leak\.ts:\d+/m;
  const count = (text: string): number => Number(leaked.exec(text)?.[1]?.replaceAll(',', ''));
  const first = count(await until(leaked, () => program.look('ps')));
  const second = count(await program.look('ps'));
  assert.ok(second > first, `${first}, then ${second}`);
  assert.match(await program.look('ps', '--all'), /remember soup .*task-leak\.ts:\d+/);
});

test('deadlock: the first sentence names the three clients and the three locks', async () => {
  await using program = await start('deadlock');
  const [sentence = ''] = (await until(/Deadlock/, () => program.look('ps'))).split('\n');
  for (const name of ['"pan"', '"knife"', '"board"', 'client 1', 'client 2', 'client 3'])
    assert.ok(sentence.includes(name), sentence);
});
