// The table of commands. A new command is a file and a row here; help, completion and the parser
// follow from them. Nothing of a command is loaded before it is called.
import type { CommandRow } from './command.ts';

export const commands: readonly CommandRow[] = [
  {
    name: 'serve',
    summary: 'serve every client with the function that FILE exports by default',
    load: async () => (await import('./serve.ts')).command,
  },
  {
    name: 'connect',
    summary: 'talk to a server: standard input goes there, its answers come here',
    load: async () => (await import('./connect.ts')).command,
  },
  {
    name: 'worker',
    summary: 'run jobs from a queue on Redis with the functions that FILE exports',
    load: async () => (await import('./worker.ts')).command,
  },
  {
    name: 'ps',
    summary: 'show what the clients and tasks of a running program wait for',
    load: async () => (await import('./ps.ts')).command,
  },
  {
    name: 'pstree',
    summary: 'show which task was created by which',
    load: async () => (await import('./pstree.ts')).command,
  },
  {
    name: 'top',
    summary: 'watch the clients of a running program',
    load: async () => (await import('./top.ts')).command,
  },
  {
    name: 'connections',
    summary: 'list the clients of a running program',
    load: async () => (await import('./connections.ts')).command,
  },
  {
    name: 'blocked',
    summary: 'show which code holds the loop, or held it',
    load: async () => (await import('./blocked.ts')).command,
  },
  {
    name: 'bill',
    summary: 'show where the time of one client went',
    load: async () => (await import('./bill.ts')).command,
  },
  {
    name: 'record',
    summary: 'write what a program did, or does, as a page to replay in slow motion',
    load: async () => (await import('./record.ts')).command,
  },
  {
    name: 'trace',
    summary: 'write what a program did, or does, as a trace for Perfetto',
    load: async () => (await import('./trace.ts')).command,
  },
  {
    name: 'cancel',
    summary: 'cancel the handler of a client, or a task',
    load: async () => (await import('./cancel.ts')).command,
  },
  {
    name: 'console',
    summary: 'print the address of the page that shows a running program',
    load: async () => (await import('./console.ts')).command,
  },
  {
    name: 'mcp',
    summary: 'let a coding agent look into a running program',
    load: async () => (await import('./mcp.ts')).command,
  },
  {
    name: 'completion',
    summary: 'print a script with which a shell completes these commands',
    load: async () => (await import('./completion.ts')).command,
  },
  {
    name: 'help',
    summary: 'show what a command does and its options',
    load: async () => (await import('./help.ts')).command,
  },
];
