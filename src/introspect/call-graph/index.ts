// introspect/call-graph: who awaits whom, as asyncio shows it. A room of its own, because the root
// door has it and loads nothing else of introspect. May import: base, core. Does not belong here:
// snapshots and what is made of them.
export { type CallGraph, captureCallGraph, formatCallGraph } from './call-graph.ts';
