// console: what terminals show of a process. Pure functions from the messages of inspect/protocol
// to lines of text. May import: base, inspect/protocol. Does not belong here: input, output, time.
export { answerHead } from './answer-head.ts';
export { billView } from './bill-view.ts';
export { blocksView } from './blocks-view.ts';
export { connectionsView } from './connections-view.ts';
export { groupsView } from './groups-view.ts';
export { ESCAPE_AFTER, KeyReader } from './key-reader.ts';
export { colouredLine, type Line, plainLine, plainText } from './line.ts';
export { recordingFile } from './recording-file.ts';
export { recordingsView } from './recordings-view.ts';
export { processesView, type RunningProcess } from './processes-view.ts';
export { tasksView } from './tasks-view.ts';
export { treeView } from './task-tree.ts';
export { press, START, type TopState } from './top-state.ts';
export { topScreen, topTotal, type TopData } from './top-view.ts';
