// npm start [-- FILE] [options of maitre serve]: sets up, builds and serves FILE, examples/hello.ts unless given.
// npm start -- FOLDER [--host HOST] [--port PORT]: sets up, builds and serves the page in FOLDER, such as examples/gui.
// The server runs in this very process, so signals and the exit code need no forwarding. For the same reason the
// package.json script begins with `exec`: some shells would stay between npm and this process, and die first.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { root, setUp } from './setup.mjs';

/** npm's copy of a signal comes a few ms after the terminal's; nobody presses Ctrl-C twice this fast, in ms. */
const sameSignal = 200;

const args = process.argv.slice(2);
const file = args[0] === undefined || args[0].startsWith('-') ? 'examples/hello.ts' : args.shift();

setUp();
if (!build('src')) process.exit(1);
dropCopiesOfSignals();

if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
  const { servePage } = await import('./serve-page.mjs');
  await servePage(file, args);
} else {
  const program = join(root, 'dist/cli/main.js');
  process.argv = [process.execPath, program, 'serve', file, ...args];
  await import(pathToFileURL(program).href);
}

/**
 * A terminal sends Ctrl-C to npm and to this process, and npm sends it to this process once more. The copy must not
 * pass for the second Ctrl-C, which ends a server at once. Has to come before the first signal listener: Node keeps the
 * `emit` it finds then.
 */
function dropCopiesOfSignals() {
  const last = { SIGINT: -Infinity, SIGTERM: -Infinity };
  const emit = process.emit.bind(process);
  process.emit = function (event, ...values) {
    if (event in last) {
      const now = performance.now();
      if (now - last[event] < sameSignal) return true;
      last[event] = now;
    }
    return emit(event, ...values);
  };
}
