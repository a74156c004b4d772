// The options of `maitre worker`. They are apart from the command because the code that does the
// work reads their types.

export const WORKER_OPTIONS = {
  redis: {
    type: 'text',
    value: 'URL',
    help: 'where Redis is: redis://user:password@host:port, or the path of its socket',
    fallback: 'redis://127.0.0.1:6379',
  },
  queue: { type: 'text', value: 'NAME', help: 'the queue to serve', fallback: 'jobs' },
  prefix: { type: 'text', value: 'TEXT', help: 'the first part of all keys in Redis', fallback: 'maitre' },
  concurrency: { type: 'count', value: 'N', help: 'jobs that run at once', least: 1, fallback: 1 },
  isolation: {
    type: 'choice',
    choices: ['tasks', 'threads', 'processes'],
    help: 'run jobs in one thread, or each in a thread or process of its own',
    fallback: 'tasks',
  },
  grace: {
    type: 'count',
    value: 'MS',
    help: 'milliseconds that jobs get to end after a signal; then they go back to the queue',
    least: 0,
    fallback: 10_000,
  },
  'cancel-grace': {
    type: 'count',
    value: 'MS',
    help: 'milliseconds that a cancelled job gets for its cleanup',
    least: 0,
    fallback: 500,
  },
  lock: {
    type: 'count',
    value: 'MS',
    help: 'milliseconds without a sign of life after which another worker takes its jobs',
    least: 1,
    fallback: 30_000,
  },
  'closed-functions': {
    type: 'flag',
    help: 'also run functions that come as text: whoever writes to Redis runs code here',
  },
} as const;

/** Their shape, for the types of their values. */
export type WorkerFileOptions = typeof WORKER_OPTIONS;
