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
    help: 'handlers that run at once; 1 serves one client after the other',
    least: 1,
    without: 'no limit',
  },
  quiet: { type: 'flag', help: 'print no lines about clients' },
  log: {
    type: 'choice',
    choices: ['text', 'json'],
    help: 'print lines for people, or one JSON object a line',
    fallback: 'text',
  },
} as const;

/** Their shape, for the types of their values. */
export type ServeOptions = typeof SERVE_OPTIONS;
