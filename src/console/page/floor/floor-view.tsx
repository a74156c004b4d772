// The first view: the sentence, the floor, the legend.
import { useEffect, useRef } from 'preact/hooks';
import type { JSX } from 'preact';
import type { App, Arrangement } from '../app.ts';
import type { RoomRow } from '../../../inspect/protocol/index.ts';
import { counted, percent } from '../format.ts';
import { KINDS } from '../kinds.ts';
import { Sentence } from '../sentence.tsx';
import type { View } from '../view.ts';
import { Empty } from './empty.tsx';
import { Legend } from './legend.tsx';
import { countKinds } from './live-picture.ts';
import { Tip } from './tip.tsx';
import { FloorStage } from './stage.ts';
import { Stages } from './stages.ts';

const ARRANGEMENTS: readonly (readonly [Arrangement, string])[] = [
  ['seats', 'Seats'],
  ['age', 'How long'],
  ['code', 'Where in code'],
];

/** Fewer rooms than these are shown as one. */
const SEVERAL = 2;

function FloorBody({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const stages = useRef<Stages>(new Stages(app));
  useEffect(() => {
    const of = stages.current;
    app.stage = of;
    return () => {
      app.stage = null;
      app.pointed.value = 0;
    };
  }, [app]);
  const { rooms } = app.live;
  const first = (): FloorStage | null => stages.current.first;
  return (
    <div class="view floorwrap" role="tabpanel">
      <div class="bar">
        <Sentence app={app} />
        <span class="grow" />
        <Arrange app={app} />
        <button
          class="btn"
          type="button"
          title="Record the next 200 ms and replay them slowly (s)"
          onClick={() => app.record()}
        >
          <span class="dot" />
          Slow motion
        </button>
      </div>
      {rooms.length < SEVERAL ? (
        <Canvas key="one" app={app} stages={stages.current} />
      ) : (
        <div class="rooms" key="several">
          {rooms.map((row) => (
            <div class="room" key={row.room} data-room={row.room}>
              <RoomHead row={row} />
              <Canvas app={app} stages={stages.current} row={row} />
            </div>
          ))}
        </div>
      )}
      <Legend app={app} stage={first} />
    </div>
  );
}

interface CanvasProps {
  readonly app: App;
  readonly stages: Stages;
  /** The room that it shows, if there are several. */
  readonly row?: RoomRow;
}

/** A dining room with its waiter. */
function Canvas({ app, stages, row }: CanvasProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<FloorStage | null>(null);
  const room = row?.room;
  useEffect(() => {
    if (box.current === null || canvas.current === null) return undefined;
    const made = new FloorStage(app, box.current, canvas.current, room);
    stage.current = made;
    stages.add(made, room);
    return () => {
      made.stop();
      stages.remove(made);
      stage.current = null;
    };
  }, [app, stages, room]);
  const point = (event: PointerEvent): void => {
    const area = box.current?.getBoundingClientRect();
    if (area !== undefined) stage.current?.point({ x: event.clientX - area.left, y: event.clientY - area.top });
  };
  const label = row === undefined ? describe(app) : `Worker ${row.room}: ${counted(row.clients, 'guest')}.`;
  return (
    <div
      class="canvasbox"
      ref={box}
      onPointerMove={point}
      onPointerLeave={() => stage.current?.point(null)}
      onClick={() => app.select(app.pointed.value)}
    >
      <canvas ref={canvas} tabIndex={0} role="img" aria-label={label} data-testid="floor" />
      <Tip app={app} stage={() => stage.current} />
      {row === undefined ? <Empty app={app} /> : null}
    </div>
  );
}

/** Whose room it is, and how its loop does. */
function RoomHead({ row }: { readonly row: RoomRow }): JSX.Element {
  const { room, place, kind, pid, clients, loop, block, why } = row;
  const state = block?.over === false ? 'blocked' : why;
  return (
    <h2 title={`${kind} of place ${place}, pid ${pid}`}>
      Worker {room}
      <span>{counted(clients, 'guest')}</span>
      {loop.busy === null ? null : <span>busy {percent(loop.busy)} %</span>}
      {state === undefined ? null : <span class="red">{state}</span>}
    </h2>
  );
}

function Arrange({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value; // what suits depends on the number of tables
  const now = app.arranged;
  return (
    <div class="seg" role="group" aria-label="Arrange">
      {ARRANGEMENTS.map(([id, label]) => (
        <button key={id} type="button" aria-pressed={now === id} onClick={() => app.arrange(id)}>
          {label}
        </button>
      ))}
    </div>
  );
}

/** The canvas in words: the sentence and the counts. */
function describe(app: App): string {
  void app.beat.value;
  const { live } = app;
  const counts = countKinds(live);
  const kinds = KINDS.map(({ words }, ball) => `${counts[ball] ?? 0} ${words}`).join(', ');
  return `${live.frame?.sentence ?? 'No news yet.'} ${counted(live.tables.length, 'table')}: ${kinds}.`;
}

export const floorView: View = {
  id: 'floor',
  label: 'Floor',
  group: 'picture',
  strip: true,
  body: FloorBody,
  onKey: (app, { key }) => {
    if (key === ' ') app.hold();
    else if (key === 'g') app.arrange(nextArrangement(app.arranged));
    else if (key.startsWith('Arrow')) app.step(key);
    else return false;
    return true;
  },
};

function nextArrangement(now: Arrangement): Arrangement {
  const at = ARRANGEMENTS.findIndex(([id]) => id === now);
  return ARRANGEMENTS[(at + 1) % ARRANGEMENTS.length]?.[0] ?? 'seats';
}
