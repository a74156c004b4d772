// subprocess: programs as resources with streams. Their input, output and end are waits like any
// other.
// May import: base, core, streams, adapters; `node:child_process`.
// Does not belong here: work of this program in other processes (executors), the signals of this
// process (signals).
export { createSubprocessExec, createSubprocessShell } from './create-subprocess.ts';
export type { CommunicateOptions, Output, Process, ProcessStatistics } from './process.ts';
export type { SubprocessOptions } from './subprocess-options.ts';
