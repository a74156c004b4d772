// introspect: who waits for whom, read from the live tasks, waits and resources of core. May
// import: base, core. Does not belong here: anything that changes what it looks at, or that
// communicates with the outside.
export { type CallGraph, captureCallGraph, formatCallGraph } from './call-graph.ts';
