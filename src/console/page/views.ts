// The views of the page, in the order of their tabs: one line for each. The keys 1 to 9 follow this order.
import { compareView } from './compare/compare-view.tsx';
import { floorView } from './floor/floor-view.tsx';
import { blocksView } from './lists/blocks-view.tsx';
import { connectionsView } from './lists/connections-view.tsx';
import { endedView } from './lists/ended-view.tsx';
import { tasksView } from './lists/tasks-view.tsx';
import { warningsView } from './lists/warnings-view.tsx';
import { slowView } from './slow/slow-view.tsx';
import type { View } from './view.ts';

export const views: readonly View[] = [
  floorView,
  slowView,
  compareView,
  tasksView,
  connectionsView,
  blocksView,
  endedView,
  warningsView,
];
