// inspect/sockets: where the control sockets of this user's processes are, for the processes that
// make them and for the commands that look for them. May import: base, core, hosts/node, node:. Does
// not belong here: what passes over a socket.
export {
  pidOfSocket,
  prepareSocketFolder,
  problemOfFolder,
  socketFolders,
  socketNames,
  socketOfRoom,
} from './socket-folder.ts';
