// The options of `maitre serve`. They are apart from the command because the code that does the
// work reads their types.

export const SERVE_OPTIONS = {
  host: { type: 'text', value: 'HOST', help: 'address or name to listen on', fallback: '127.0.0.1' },
  port: {
    type: 'count',
    value: 'PORT',
    help: 'TCP port, 0 to 65535; 0 lets the system choose',
    least: 0,
    most: 65535,
    fallback: 8002,
  },
  path: { type: 'file', value: 'PATH', help: 'listen on a Unix socket instead' },
  fd: { type: 'count', value: 'N', help: 'listen on the socket that the program inherited as descriptor N', least: 0 },
  'tls-cert': { type: 'file', value: 'FILE', help: 'speak TLS with this certificate and its chain, in PEM form' },
  'tls-key': { type: 'file', value: 'FILE', help: "the certificate's private key, in PEM form, no passphrase" },
  grace: {
    type: 'count',
    value: 'MS',
    help: 'milliseconds that handlers get to end after a signal',
    least: 0,
    fallback: 10_000,
  },
  'max-connections': {
    type: 'count',
    value: 'N',
    help: 'clients served at once; more are accepted and wait, unread',
    least: 1,
    without: 'no limit',
  },
  concurrency: {
    type: 'count',
    value: 'N',
    help: 'handlers that run at once; 1 serves one client, or request, after the other',
    least: 1,
    without: 'no limit',
  },
  'reuse-port': { type: 'flag', help: 'let other processes listen on the port too; the system spreads clients' },
  'proxy-protocol': { type: 'flag', help: "take each client's address from the PROXY header of a balancer" },
  workers: { type: 'text', value: 'N', help: 'serve in N workers, or with auto in one for each core' },
  reload: { type: 'flag', help: 'replace the workers when a source file of the program is saved' },
  isolate: {
    type: 'choice',
    choices: ['threads', 'processes'],
    help: 'what workers are',
    without: 'threads where Node can hand clients to them',
  },
  'ready-timeout': {
    type: 'count',
    value: 'MS',
    help: 'milliseconds that a new worker has to be ready',
    least: 1,
    fallback: 30_000,
  },
  'kill-timeout': {
    type: 'count',
    value: 'MS',
    help: 'milliseconds after which a worker whose loop stands still is replaced',
    least: 3000,
    fallback: 10_000,
  },
  'max-lifetime': {
    type: 'text',
    value: 'TIME',
    help: 'replace each worker after that time, such as 12h or 30m',
    without: 'no limit',
  },
  'max-memory': {
    type: 'text',
    value: 'SIZE',
    help: 'replace a worker that uses more memory, such as 512M or 2G',
    without: 'no limit',
  },
  inspect: { type: 'flag', help: 'let `maitre ps` and the like look into it, and serve a page of it' },
  quiet: { type: 'flag', help: 'print no lines about clients and requests' },
  log: {
    type: 'choice',
    choices: ['text', 'json'],
    help: 'print lines for people, or one JSON object a line',
    fallback: 'text',
  },
} as const;

/** Their shape, for the types of their values. */
export type ServeOptions = typeof SERVE_OPTIONS;
