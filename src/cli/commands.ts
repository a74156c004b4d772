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
