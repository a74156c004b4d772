// hosts/node: the host port for Node, Bun and Deno.
// May import: base, core, node:. Does not belong here: sockets, files, processes other than this one.
export { endProcess } from './end-process.ts';
export { installNodeHost } from './host.ts';
export { importModule, isCaller, isFrame, TypeScriptError } from './import-module.ts';
