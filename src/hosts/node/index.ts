// hosts/node: the host port for Node, Bun and Deno.
// May import: base, core, node:. Does not belong here: sockets, files, processes.
export { installNodeHost } from './host.ts';
