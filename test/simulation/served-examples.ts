// What is abused: the handlers of the examples, in this process; and by which random numbers.
import { join } from 'node:path';
import type { Handler } from 'maitre';
import { loadHandler } from '#src/workers/serve/load-handler.js';
import { root } from '../support/program.js';

/** Repeats a run: MAITRE_SEED=N npm test -- simulation. The tests have it in their names, so that a failure tells it. */
export const seed = Number(process.env['MAITRE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

export const echo = (await loadHandler(join(root, 'examples/echo.ts'))) as Handler; // neither is an app
export const chat = (await loadHandler(join(root, 'examples/chat.ts'))) as Handler;
