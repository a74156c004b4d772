// The program of a worker of a WorkerExecutor, unless the user has one.
import { installWebHost } from '../../hosts/web/index.ts';
import { serveModules } from './serve-modules.ts';

installWebHost();
serveModules();
