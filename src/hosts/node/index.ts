// hosts/node: the host port for Node, Bun and Deno.
// May import: base, core, node:. Does not belong here: sockets, files, processes other than this one.
export { setDump } from './dump-signal.ts';
export { endProcess } from './end-process.ts';
export { execArgvOfWorkers } from './exec-argv.ts';
export { installNodeHost } from './host.ts';
export { writeLog } from './log.ts';
export { openRoom, type OpenedRoom, openRoomsWith, type RoomPlace } from './rooms.ts';
export { setting } from './setting.ts';
export { beSupervised, endSupervised, supervisedListeners } from './supervised.ts';
export { packageVersion } from './version.ts';
export { importModule, isCaller, isFrame, TypeScriptError } from './import-module.ts';
