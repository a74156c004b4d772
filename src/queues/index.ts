// queues: Queue and its kinds, channels, broadcast, merge, on the public low-level calls only.
// May import: base, core, sync. Does not belong here: anything that leaves the process.
export { broadcast, Broadcast, type BroadcastOptions, type SlowPolicy, Subscription } from './broadcast.ts';
export { channel, type ChannelStatistics, Receiver, Sender } from './channel.ts';
export { Exchange, type Store } from './exchange.ts';
export { ItemIterator } from './item-iterator.ts';
export { merge } from './merge.ts';
export { LifoQueue, PriorityQueue, type PriorityQueueOptions, Queue, type QueueStatistics } from './queue.ts';
export { FifoStore } from './stores.ts';
