// SIGUSR2 at the supervisor: each worker prints what its clients and tasks wait for, as a program
// without workers does. It prints by itself, so a worker whose loop stands still holds up no other.
import { host, reportException } from '../core/index.ts';

/** The name of the message. */
export const DUMP_CHANNEL = 'dump';

/** Prints it to standard error, as worker `id`. */
export function dumpHere(id: number): void {
  import('../introspect/index.ts').then(
    ({ dumpText, takeSnapshot }) => host.report(`worker ${id}: ${dumpText(takeSnapshot())}`),
    (error: unknown) => reportException({ message: 'The dump could not be printed', error }),
  );
}
