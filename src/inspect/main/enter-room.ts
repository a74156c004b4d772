// A worker of a program as a room, which the inspector of its supervisor shows together with it: the
// worker's side. Without an inspector there is no seat, and nothing of this is loaded.
import { threadId } from 'node:worker_threads';
import { InvalidStateError } from '../../core/index.ts';
import type { EnterRoom, FromWorker, RoomSeat } from '../crossing.ts';
import { Observed } from './observed.ts';
import { enterProcessRoom } from './start-inspector.ts';

/** Whether this worker has entered its room. */
let entered = false;

/**
 * Lets the inspector of the supervisor look into this worker, from now until it ends. Call it before
 * the program is loaded. It does not keep the worker alive. Resolves when it can be looked into.
 * @param opened the seat that the inspector has opened
 * @throws InvalidStateError for a second call; the system's error when it cannot listen
 */
export async function enterRoom(opened: object): Promise<void> {
  const seat = opened as RoomSeat; // the inspector has made it
  if (entered) throw new InvalidStateError('Cannot enter a room: this worker has one already');
  entered = true;
  if (seat.kind === 'process') return enterProcessRoom(seat);
  const { port, record } = seat;
  const observed = new Observed();
  port.postMessage({ type: 'enter', thread: threadId, data: observed.data } satisfies EnterRoom, []);
  observed.begin(record, (message, transfer) => port.postMessage(message, transfer));
  port.on('message', (message: FromWorker) => void observed.take(message));
  port.on('close', () => observed[Symbol.dispose]()); // the inspector is gone
  port.unref();
}
