// npm start [-- FILE] [options of maitre serve]: sets up, builds and serves FILE, examples/hello.ts unless given, with an
// inspector unless --no-inspect is given.
// npm start -- FOLDER [--host HOST] [--port PORT]: sets up, builds and serves the page in FOLDER, such as examples/gui.
// npm start -- FOLDER: where FOLDER has no page, runs the program main.ts in it, such as examples/orders, with an inspector.
// The server runs in this very process, so signals and the exit code need no forwarding. For the same reason the
// package.json script begins with `exec`: some shells would stay between npm and this process, and die first.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { root, setUp } from './setup.mjs';

/** npm's copy of a signal comes a few ms after the terminal's; nobody presses Ctrl-C twice this fast, in ms. */
const sameSignal = 200;

const args = process.argv.slice(2);
/** The inspector runs unless told otherwise. */
const noInspector = args.indexOf('--no-inspect');
if (noInspector >= 0) args.splice(noInspector, 1);
const file = args[0] === undefined || args[0].startsWith('-') ? 'examples/hello.ts' : args.shift();

setUp();
if (!(await build('src'))) process.exit(1);
dropCopiesOfSignals();

const isFolder = statSync(file, { throwIfNoEntry: false })?.isDirectory();
if (isFolder && !existsSync(join(file, 'index.html'))) {
  if (noInspector < 0) process.env.MAITRE_INSPECT ??= 'record';
  const { importModule } = await import('../dist/hosts/node/index.js');
  await importModule(pathToFileURL(join(root, file, 'main.ts')).href);
} else if (isFolder) {
  const { servePage } = await import('./serve-page.mjs');
  await servePage(file, args);
} else {
  const program = join(root, 'dist/cli/main.js');
  const inspector = noInspector >= 0 || args.includes('--inspect') ? [] : ['--inspect'];
  if (inspector.length > 0) process.env.MAITRE_INSPECT ??= 'record'; // so that the page can say where time went
  process.argv = [process.execPath, program, 'serve', file, ...args, ...inspector];
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
