// Serves a page of the examples: builds its folder with Vite, and serves what was built. Called by start.mjs.
//
// Served is the build, as it would be deployed: the bundle of the worker is a part of what the example shows, and Vite's
// development server makes none. Vite serves it too, because the headers of the page stand in its vite.config.ts.

import { parseArgs } from 'node:util';
import { build, preview } from 'vite';
import { run, sleep } from '../dist/index.node.js';

const usage = 'npm start -- FOLDER [--host HOST] [--port PORT]';
/** Vite takes the next free one. */
const defaultPort = 8003;

/** Builds and serves the page in `folder` until a signal comes. Ends the process. */
export async function servePage(folder, args) {
  const { host, port } = readArguments(args);
  await build({ root: folder, logLevel: 'warn' });
  await run(async () => {
    const server = await preview({ root: folder, logLevel: 'warn', preview: { host, port, strictPort: false } });
    try {
      const [url] = [...(server.resolvedUrls?.local ?? []), ...(server.resolvedUrls?.network ?? [])];
      console.log(`serving ${folder}; open ${url} in a browser; Ctrl-C ends it`);
      await sleep(Infinity);
    } finally {
      await server.close();
    }
  });
}

function readArguments(args) {
  const options = { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string' } };
  let values;
  try {
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    refuse(error.message);
  }
  const port = values.port === undefined ? defaultPort : Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) refuse(`${values.port} is no port`);
  return { host: values.host, port };
}

function refuse(why) {
  console.error(`${why}\nUsage: ${usage}`);
  process.exit(2);
}
