// distributed: the same Executor and Broadcast on Redis, for more than one machine.
// May import: the pure rooms, executors, hosts/node; `node:`; bullmq and ioredis as optional peers.
// Does not belong here: what runs jobs inside of one machine (executors).
export type { PublishOptions, RedisBroadcastOptions, ReplayOptions, SubscribeOptions } from './broadcast-options.ts';
export { RedisBroadcast, type RedisBroadcastStatistics } from './redis-broadcast.ts';
export { RedisSubscription } from './redis-subscription.ts';
export { LeaseHold } from './lease-hold.ts';
export { RedisCapacityLimiter, redisLimiter } from './redis-limiter.ts';
export { type LeaseOptions, RedisLock, type RedisLockStatistics } from './redis-lock.ts';
export {
  RedisRateLimiter,
  redisRateLimit,
  type RedisRateOptions,
  type RedisRateStatistics,
} from './redis-rate-limit.ts';
export { BullExecutor, type BullExecutorStatistics } from './bull-executor.ts';
export type { RedisClient, RedisOption } from './connect.ts';
export type { Backoff, BullExecutorOptions, DistributedJobOptions } from './distributed-options.ts';
export type { Machine, MachineJob } from './remote-protocol.ts';
export type { DeadJob, RepeatedJob, RepeatOptions } from './remote-queue.ts';
export { type BullWorker, worker, type WorkerReport, type WorkerStatistics } from './worker.ts';
export type { WorkerOptions } from './worker-options.ts';
