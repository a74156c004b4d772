// Inspectors that no code starts: `node --import maitre/inspect app.js`, and MAITRE_INSPECT=1 for a
// program that imports maitre. Whatever goes wrong is reported, and the program goes on.
import { isMainThread } from 'node:worker_threads';
import { quote } from '../../base/index.ts';
import { reportException } from '../../core/index.ts';
import { type InspectorOptions, runningInspector, start } from './start-inspector.ts';

/** What the words of MAITRE_INSPECT mean. */
const WORDS: Readonly<Record<string, InspectorOptions>> = {
  '1': {},
  true: {},
  control: { control: true },
  record: { record: true },
  web: { web: true },
};

let isAttached = false;

/** The words that say no, also to a flag that preloads maitre/inspect. */
const NO: readonly string[] = ['0', 'false'];

/**
 * Starts an inspector with the options that MAITRE_INSPECT names, unless one runs. Does nothing in
 * worker threads, and at the second call.
 * @param text the value of MAITRE_INSPECT; empty for the defaults
 */
export function attach(text: string): void {
  if (NO.includes(text) || isAttached || !isMainThread || runningInspector() !== undefined) return;
  isAttached = true;
  startFor(text).catch((error: unknown) => reportException({ message: 'The inspector did not start', error }));
}

async function startFor(text: string): Promise<void> {
  await start(optionsOf(text), false); // a program may be over before the inspector is ready
}

/**
 * Returns the options that a text names: `1`, or words separated by commas.
 * @throws RangeError for a word without a meaning
 */
export function optionsOf(text: string): InspectorOptions {
  const words = text.split(',').filter((word) => word !== '');
  return Object.assign(
    {},
    ...words.map((word) => {
      if (Object.hasOwn(WORDS, word)) return WORDS[word];
      throw new RangeError(
        `Cannot start inspector: MAITRE_INSPECT has the unknown word ${quote(word)}, expected ${Object.keys(WORDS).join(', ')}`,
      );
    }),
  ) as InspectorOptions; // a union of such options
}

/**
 * Whether a module was preloaded by the flags of the process, rather than imported by code.
 * @param flags those of the command line, then those of NODE_OPTIONS
 * @param names how a flag may name the module: its name, path or URL
 */
export function isPreloaded(flags: readonly string[], names: readonly string[]): boolean {
  return flags.some((flag, i) => {
    const [name, value = flags[i + 1]] = flag.split(/=(.*)/s);
    return ['--import', '-r', '--require', '--preload'].includes(name ?? '') && names.some((each) => value === each);
  });
}
