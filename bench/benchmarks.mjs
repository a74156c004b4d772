// What is measured: every benchmark with its contenders, what is compared, and the goals.
//
// A contender is a program on a tool (bench/tools.mjs). Its name is its row: maitre's is `maitre`. A goal compares maitre
// with a named peer on the same tool, or with the peer's only one: `metric` of maitre / `metric` of the peer.

import { maitreTools, nodeTools } from './tools.mjs';

const on = (tools, name, file, more) => tools.map((tool) => ({ tool, name, file, ...more }));
const goalNodes = ['node24', 'node26'];

const task = {
  metrics: [
    { key: 'cpu', title: 'CPU µs', digits: 2 },
    { key: 'wall', title: 'wall µs', digits: 2 },
  ],
  compare: { key: 'cpu', what: 'CPU' },
};
const taskPeers = (args) => [
  ...on(['python'], 'asyncio', 'bench/peers/tasks-asyncio.py', { args }),
  ...on(['uvloop'], 'uvloop', 'bench/peers/tasks-asyncio.py', { args }),
  ...on(goalNodes, 'Effect 4', 'bench/peers/tasks-effect.mjs', { args, fromNpm: true }),
];
const taskGoals = [
  { peer: 'asyncio', atMost: 0.35, on: ['node24'] },
  { peer: 'Effect 4', atMost: 1, on: ['node24'] },
];

const pool = (args, more) => [
  ...on(maitreTools, 'maitre', 'build/bench/executors.js', { args }),
  ...on(nodeTools, 'bare worker_threads', 'bench/peers/executors-bare.mjs', { args }),
  ...(more ? ['piscina', 'tinypool'] : []).flatMap((name) =>
    on(nodeTools, name, 'bench/peers/executors-pools.mjs', { args, env: { POOL: name }, fromNpm: true }),
  ),
  ...(more ? on(nodeTools, 'workerpool', 'bench/peers/executors-workerpool.mjs', { args, fromNpm: true }) : []),
];
const poolGoals = ['piscina', 'tinypool', 'workerpool'].map((peer) => ({ peer, atMost: 1.1, on: goalNodes }));

const network = [
  { key: 'perSecond', title: 'per second', digits: 0 },
  { key: 'user', title: 'user µs', digits: 1 },
  { key: 'system', title: 'system µs', digits: 1 },
];

export const benchmarks = [
  {
    name: 'echo',
    title: 'Echo: 1,000 bytes, 100 clients, one request in flight each',
    text: 'CPU time of the server per request. The handler reads, writes and drains in a loop. "Bare" is the floor: a promise per read, a tick per write, and nothing else.',
    load: { mode: 'echo', clients: 100, size: 1000 },
    metrics: network,
    compare: { key: 'user', what: 'user CPU' },
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/echo.js'),
      ...on(nodeTools, "node:net 'data'", 'bench/peers/echo-node-data.mjs'),
      ...on(nodeTools, 'bare async handler', 'bench/peers/echo-node-bare.mjs'),
      ...on(nodeTools, 'node:net pipe', 'bench/peers/echo-node-pipe.mjs'),
      ...on(nodeTools, 'node:net for await', 'bench/peers/echo-node-for-await.mjs'),
      ...on(['python'], 'asyncio streams', 'bench/peers/echo-asyncio.py'),
      ...on(['uvloop'], 'uvloop streams', 'bench/peers/echo-asyncio.py'),
      ...on(['bun'], 'Bun.listen', 'bench/peers/echo-bun.mjs'),
      ...on(['deno'], 'Deno.listen', 'bench/peers/echo-deno.mjs'),
      ...on(['go'], 'Go net', 'bench/peers/echo-go.go'),
      ...on(['cc'], 'C epoll', 'bench/peers/echo-c.c'),
    ],
    goals: [
      { peer: "node:net 'data'", atMost: 1.15, on: goalNodes },
      { peer: 'node:net for await', atMost: 0.6, on: goalNodes },
      { peer: 'asyncio streams', atMost: 0.45, on: goalNodes },
      { peer: 'uvloop streams', atMost: 0.7, on: goalNodes },
    ],
  },
  {
    name: 'lines',
    title: 'Lines: 32 bytes, 64 in flight per client, 50 clients',
    text: 'Per 64 lines. A client sends them at once and waits for the answers. The handler calls `readLine`, `write` and `drain` for every line; "tryReadLine" reads with `tryReadLine() ?? (await readLine())`. The moonshot is 10 µs of user CPU.',
    load: { mode: 'echo', clients: 50, size: 2048, lineLength: 32 },
    metrics: network,
    compare: { key: 'user', what: 'user CPU' },
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/lines.js'),
      ...on(goalNodes, 'maitre, tryReadLine', 'build/bench/lines.js', { args: ['try'] }),
      ...on(nodeTools, 'node:readline', 'bench/peers/lines-node-readline.mjs'),
      ...on(['python'], 'asyncio streams', 'bench/peers/lines-asyncio.py'),
      ...on(['uvloop'], 'uvloop streams', 'bench/peers/lines-asyncio.py'),
      ...on(['go'], 'Go bufio', 'bench/peers/lines-go.go'),
    ],
    goals: [
      { peer: 'node:readline', key: 'perSecond', what: 'throughput', atLeast: 8, on: goalNodes },
      { peer: 'asyncio streams', key: 'perSecond', what: 'throughput', atLeast: 8, on: goalNodes },
      { peer: 'uvloop streams', key: 'perSecond', what: 'throughput', atLeast: 2, on: goalNodes },
    ],
  },
  {
    name: 'bulk',
    title: 'Bulk: echo of 100 KiB, 20 clients',
    text: 'Per echo of 100 KiB.',
    load: { mode: 'echo', clients: 20, size: 102_400 },
    metrics: network,
    compare: { key: 'perSecond', what: 'throughput' },
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/echo.js'),
      ...on(nodeTools, 'node:net pipe', 'bench/peers/echo-node-pipe.mjs'),
      ...on(['go'], 'Go net', 'bench/peers/echo-go.go'),
      ...on(['cc'], 'C epoll', 'bench/peers/echo-c.c'),
    ],
    goals: [{ peer: 'node:net pipe', atLeast: 0.95, on: goalNodes }],
  },
  {
    name: 'limits',
    title: 'Limits: the echo of 1,000 bytes with every limit and timeout switched on',
    text: 'maitre against itself: `maxConnections`, `maxPerIp`, `idleTimeout`, `readTimeout`, `writeTimeout`, `lifetime`, `minReceiveRate` and `maxBuffered` are set and never reached, against the defaults.',
    load: { mode: 'echo', clients: 100, size: 1000 },
    metrics: network,
    compare: { key: 'user', what: 'user CPU' },
    contenders: [
      ...on(goalNodes, 'maitre', 'build/bench/echo.js', { args: ['limits'] }),
      ...on(goalNodes, 'maitre, defaults', 'build/bench/echo.js'),
    ],
    goals: [{ peer: 'maitre, defaults', atMost: 1.05, on: goalNodes }],
  },
  {
    name: 'http',
    title: 'HTTP: a Hono app that answers `hi`, 50 clients, one request in flight each',
    text: 'CPU time of the server per request. The same app, served by `serveHttp`, with a task for each request, and by `@hono/node-server`. "node:http" answers without an app.',
    load: { mode: 'http', clients: 50 },
    // ms: tens of thousands of requests, until no more is compiled beside them on the one core.
    warm: 6000,
    metrics: network,
    compare: { key: 'user', what: 'user CPU' },
    contenders: [
      ...on(nodeTools, 'maitre', 'build/bench/http.js'),
      ...on(nodeTools, '@hono/node-server', 'bench/peers/http-hono.mjs', { fromNpm: true }),
      ...on(nodeTools, 'node:http', 'bench/peers/http-node.mjs'),
    ],
    goals: [{ peer: '@hono/node-server', key: 'perSecond', what: 'throughput', atLeast: 0.88, on: goalNodes }],
  },
  {
    name: 'connect',
    title: 'Connections: connect, one request of 64 bytes, answer, end; 50 at once',
    text: 'Per connection. The server closes it.',
    load: { mode: 'connect', clients: 50, size: 64 },
    metrics: network,
    compare: { key: 'perSecond', what: 'throughput' },
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/request.js'),
      ...on(nodeTools, 'node:net', 'bench/peers/request-node.mjs'),
    ],
    goals: [{ peer: 'node:net', atLeast: 0.9, on: goalNodes }],
  },
  {
    name: 'idle',
    title: 'Idle: memory per connection, 10,000 connections that say nothing',
    text: 'Growth of the resident memory of the echo servers. Each connection has a handler that waits in a read.',
    load: { mode: 'hold', clients: 10_000 },
    metrics: [{ key: 'kib', title: 'KiB', digits: 1 }],
    compare: { key: 'kib', what: 'memory' },
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/echo.js'),
      ...on(nodeTools, "node:net 'data'", 'bench/peers/echo-node-data.mjs'),
      ...on(nodeTools, 'node:net for await', 'bench/peers/echo-node-for-await.mjs'),
      ...on(['python'], 'asyncio streams', 'bench/peers/echo-asyncio.py'),
      ...on(['uvloop'], 'uvloop streams', 'bench/peers/echo-asyncio.py'),
      ...on(['bun'], 'Bun.listen', 'bench/peers/echo-bun.mjs'),
      ...on(['deno'], 'Deno.listen', 'bench/peers/echo-deno.mjs'),
      ...on(['go'], 'Go net', 'bench/peers/echo-go.go'),
    ],
    goals: [{ peer: "node:net 'data'", atMost: 1.5, on: goalNodes }],
  },
  {
    name: 'task-join',
    title: 'Tasks: start and join',
    text: 'Tasks whose function does nothing, each awaited before the next. "Bare" is the floor: the function in an `AsyncLocalStorage.run`.',
    ...task,
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/tasks.js', { args: ['join'] }),
      ...on(nodeTools, 'bare', 'bench/peers/tasks-bare.mjs', { args: ['join'] }),
      ...taskPeers(['join']),
      ...on(goalNodes, 'effection 4', 'bench/peers/tasks-effection.mjs', { args: ['join'], fromNpm: true }),
    ],
    goals: taskGoals,
  },
  {
    name: 'task-cancel',
    title: 'Tasks: start, sleep, cancel and join',
    text: 'A task sleeps for an hour. One `sleep(0)` later it is cancelled and awaited.',
    ...task,
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/tasks.js', { args: ['cancel'] }),
      ...taskPeers(['cancel']),
      ...on(goalNodes, 'effection 4', 'bench/peers/tasks-effection.mjs', { args: ['cancel'], fromNpm: true }),
    ],
    goals: taskGoals,
  },
  {
    name: 'queue',
    title: 'Queue: put and get',
    text: 'Per item. A producer and a consumer have a queue of 16 between them.',
    ...task,
    contenders: [...on(maitreTools, 'maitre', 'build/bench/queues.js', { args: ['queue'] }), ...taskPeers(['queue'])],
    goals: [
      { peer: 'asyncio', atMost: 0.5, on: ['node24'] },
      { peer: 'Effect 4', atMost: 0.5, on: ['node24'] },
    ],
  },
  {
    name: 'lock',
    title: 'Lock: acquire and release, nobody else wants it',
    text: 'For Effect it is a semaphore of one permit, for p-queue a queue with a concurrency of 1. The goal is under 0.3 µs.',
    ...task,
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/sync.js', { args: ['lock'] }),
      ...taskPeers(['lock']),
      ...on(goalNodes, 'async-mutex', 'bench/peers/sync-async-mutex.mjs', { args: ['lock'], fromNpm: true }),
      ...on(goalNodes, 'p-queue', 'bench/peers/sync-p-queue.mjs', { args: ['lock'], fromNpm: true }),
    ],
    goals: [],
  },
  {
    name: 'communicate',
    title: 'Subprocess: communicate, 100 MiB',
    text: 'A program writes 100 MiB into a pipe and ends. CPU time of this process; that of the program is not counted. The peer collects the chunks of \'data\' and joins them into one buffer, as `communicate` does. "Chunks" leaves that out.',
    metrics: [
      { key: 'cpu', title: 'CPU µs', digits: 0 },
      { key: 'wall', title: 'wall µs', digits: 0 },
    ],
    compare: { key: 'cpu', what: 'CPU' },
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/subprocess.js', { args: ['communicate'] }),
      ...on(goalNodes, 'maitre, chunks', 'build/bench/subprocess.js', { args: ['chunks'] }),
      ...on(nodeTools, 'node:child_process', 'bench/peers/subprocess-node.mjs', { args: ['communicate'] }),
      ...on(nodeTools, 'node:child_process, chunks', 'bench/peers/subprocess-node.mjs', { args: ['chunks'] }),
    ],
    goals: [{ peer: 'node:child_process', atMost: 1.25, on: goalNodes }],
  },
  {
    name: 'sleepers',
    title: 'Sleepers: 100,000 tasks that sleep',
    text: 'Growth of the resident memory; how much of it is live after a garbage collection (the collector keeps the rest as room); and how many host timers there are then. The goals are under 100 MiB and one timer.',
    metrics: [
      { key: 'mib', title: 'MiB', digits: 0 },
      { key: 'live', title: 'live MiB', digits: 0 },
      { key: 'timers', title: 'timers', digits: 0 },
    ],
    compare: { key: 'mib', what: 'memory' },
    contenders: [
      ...on(maitreTools, 'maitre', 'build/bench/tasks.js', { args: ['sleepers'] }),
      ...taskPeers(['sleepers']),
      ...on(goalNodes, 'effection 4', 'bench/peers/tasks-effection.mjs', { args: ['sleepers'], fromNpm: true }),
    ],
    goals: [],
  },
  {
    name: 'workers',
    title: 'Workers: an echo with 60 µs of work, 100 clients, two workers on two cores',
    text: 'Requests per second, on all cores, which the load generator shares. "One process" is the same handler without workers. "Threads" and "processes" are the kinds of workers; node:cluster runs a handler of node:net. maitre is what `serveWorkers` chooses: threads where the runtime moves sockets to them.',
    load: { mode: 'echo', clients: 100, size: 32 },
    metrics: [{ key: 'perSecond', title: 'per second', digits: 0 }],
    compare: { key: 'perSecond', what: 'throughput' },
    cores: 'all',
    contenders: [
      ...on(goalNodes, 'maitre', 'build/bench/workers.js', { args: ['threads'] }),
      ...on(goalNodes, 'maitre, processes', 'build/bench/workers.js', { args: ['processes'] }),
      ...on(goalNodes, 'maitre, one process', 'build/bench/workers.js', { args: ['one'] }),
      ...on(goalNodes, 'node:cluster', 'bench/peers/workers-cluster.mjs'),
    ],
    goals: [
      { peer: 'maitre, one process', atLeast: 1.6, on: goalNodes },
      { peer: 'node:cluster', atLeast: 0.9, on: goalNodes },
    ],
  },
  {
    name: 'executor-one',
    title: 'Executors: an empty job on a warm pool of two threads, one after the other',
    text: 'CPU of the whole process per job, its threads included. "Bare" is the floor: a message each way.',
    ...task,
    cores: 'all',
    contenders: pool(['one'], true),
    goals: poolGoals,
  },
  {
    name: 'executor-hundred',
    title: 'Executors: the same, a hundred jobs at once',
    text: 'CPU of the whole process per job.',
    ...task,
    cores: 'all',
    contenders: pool(['hundred'], true),
    goals: poolGoals,
  },
  {
    name: 'executor-busy',
    title: 'Executors: ten jobs at once that hash 640 KiB, on two threads',
    text: 'Time per job. "Bare" is two worker_threads without a pool.',
    ...task,
    compare: { key: 'wall', what: 'time' },
    cores: 'all',
    contenders: pool(['busy'], false),
    goals: [{ peer: 'bare worker_threads', key: 'wall', what: 'time', atMost: 1.1, on: goalNodes }],
  },
  {
    name: 'executor-items',
    title: 'Executors: items of a stream, 50 characters each',
    text: 'Per item. The goal is a million a second: at most 1 µs of time.',
    ...task,
    cores: 'all',
    contenders: on(maitreTools, 'maitre', 'build/bench/executors.js', { args: ['items'] }),
    goals: [],
  },
];
