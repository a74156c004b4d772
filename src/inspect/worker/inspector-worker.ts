// The program of the worker of an inspector. Nothing here keeps the process alive, and nothing is
// printed.
import { parentPort, workerData } from 'node:worker_threads';
import { installNodeHost } from '../../hosts/node/index.ts';
import { installNodeSystem } from '../../net/index.ts';
import type { FromWorker, ToWorker, WorkerData } from '../crossing.ts';
import { type Served, serveViewers } from './control-socket.ts';
import { Live } from './live.ts';
import { Loop } from './loop.ts';
import { HouseMetrics } from './metrics/house-metrics.ts';
import { reachMain } from './reach.ts';
import { Requests } from './requests.ts';
import { CollectSamples } from './rooms/collect-samples.ts';
import { House } from './rooms/house.ts';
import { ProcessRoom } from './rooms/process-room.ts';
import { ThreadRoom } from './rooms/thread-room.ts';
import { ShownFiles } from './shown-files.ts';
import { Views } from './views.ts';

installNodeHost();
installNodeSystem();

const { version, settings, ...data } = workerData as WorkerData; // inspector.ts sends it
const post = (message: FromWorker): void => parentPort?.postMessage(message, []);
const files = new ShownFiles();

const own = new Loop({
  data,
  settings,
  reach: reachMain(data.obstacle),
  isMain: true,
  files,
  post,
  onFound: () => live.feed.hurry(),
  onBlock(row) {
    post({ type: 'block', row });
    live.feed.hurry();
  },
  onFigures: (figures) => live.count(figures),
});
const house = new House(own, (place, last) => metrics.leave(place, last));
const metrics = new HouseMetrics(house, version);
const samples = new CollectSamples(house, (places) => files.add(places));
const live = new Live({
  house,
  samples,
  respond: (method, params, viewer) => requests.respond(method, params, viewer),
});
const requests = new Requests({ house, views: new Views(house), files, version, settings, live });

let served: Served | undefined;

const end = async (): Promise<void> => {
  own[Symbol.dispose]();
  house[Symbol.dispose]();
  live[Symbol.dispose]();
  await served?.server.shutdown({ grace: 0 });
  process.exit();
};

const open = (message: ToWorker & { readonly type: 'room' }): void => {
  const { at } = message;
  if ('socket' in message) house.add(new ProcessRoom(at, message.socket));
  else house.add(new ThreadRoom(at, message.port, { settings, files, onChange: () => void tellBlock(at.worker) }));
};

/** The block of a room: the next frame has it. */
const tellBlock = async (worker: number): Promise<void> => {
  await house.peek(worker);
  live.feed.hurry();
};

// Before anything that can fail: the main thread ends this one by a message.
parentPort?.on('message', (message: ToWorker) => {
  if (own.take(message)) return;
  if (message.type === 'room') open(message);
  else if (message.type === 'room-gone') house.remove(message.worker);
  else void end();
});

try {
  await own.main.tryInterrupt();
  served = await serveViewers(settings.sockets, (method, params, viewer) => requests.respond(method, params, viewer));
  if (settings.web !== null) await live.openPage(settings.web);
  const metricsPort = settings.metrics === null ? null : await live.openMetrics(settings.metrics, metrics);
  post({ type: 'ready', page: live.newPageAddress() ?? null, metricsPort, socket: served?.path ?? null });
} catch (error) {
  post({ type: 'failed', error, code: (error as NodeJS.ErrnoException).code }); // whoever throws here throws errors
}
