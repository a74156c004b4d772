// The program of a thread of a ThreadExecutor, unless the user has one.
import { installNodeHost } from '../../hosts/node/index.ts';
import { serveModules } from './serve-modules.ts';

installNodeHost();
serveModules();
