// Programs of tests end with the process that has started them, however that ends.
import { fileURLToPath } from 'node:url';
import { Folder, isAlive, Program } from './program.js';
import { test } from './test.js';

const program = fileURLToPath(new URL('program.js', import.meta.url));

test(
  'a program ends with its test file, also when that is killed',
  async () => {
    using folder = new Folder();
    const stays = folder.write('stays.mjs', `setInterval(() => {}, 1000); console.log('pid', process.pid);`);
    const starts = folder.write(
      'starts.mjs',
      `import { Program } from ${JSON.stringify(program)};
       const over = new Program([${JSON.stringify(stays)}]);
       await over.sees(/pid/);
       await over[Symbol.asyncDispose]();
       const child = new Program([${JSON.stringify(stays)}]);
       console.log((await child.sees(/pid \\d+/))[0]);
       setInterval(() => {}, 1000);`,
    );
    await using parent = new Program([starts]);
    const [, pid] = await parent.sees(/^pid (\d+)$/m);
    parent.signal('SIGKILL');
    await parent.ended();
    while (isAlive(Number(pid))) await new Promise((resolve) => setTimeout(resolve, 10));
  },
  { skip: process.platform === 'win32' && 'there is no shell to keep watch' },
);
