// Workers that are threads.
import { canMoveSockets, threadLeaves } from '#src/workers/index.js';
import { checkLeaves } from './leaf-suite.js';

checkLeaves(threadLeaves, (await canMoveSockets()) ? false : 'this runtime cannot move connections to threads');
