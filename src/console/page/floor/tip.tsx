// What stands beside the pointer where a table has no room for its words.
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { JSX } from 'preact';
import type { App } from '../app.ts';
import { duration } from '../format.ts';
import { Glyph } from '../icons.tsx';
import { kindOf } from '../kinds.ts';
import { shortWait } from './live-picture.ts';
import { tableTitle } from '../words.ts';
import type { FloorStage } from './stage.ts';

export function Tip({
  app,
  stage,
}: {
  readonly app: App;
  readonly stage: () => FloorStage | null;
}): JSX.Element | null {
  const ref = useRef<HTMLDivElement>(null);
  void app.beat.value;
  const table = app.live.byId.get(app.pointed.value);
  const floor = stage()?.floor;
  const pointer = floor?.pointer ?? null;
  useLayoutEffect(() => {
    const element = ref.current;
    const box = element?.parentElement;
    if (element === null || box === null || box === undefined || pointer === null) return;
    // Beside the loupe, and within the floor.
    const gap = floor?.mode === 'compact' ? 18 : 100;
    const right = pointer.x + gap + element.offsetWidth <= box.clientWidth;
    element.style.left = `${right ? pointer.x + gap : Math.max(4, pointer.x - gap - element.offsetWidth)}px`;
    element.style.top = `${Math.max(6, Math.min(pointer.y - 20, box.clientHeight - element.offsetHeight - 8))}px`;
  });
  if (table === undefined || pointer === null || floor === undefined || floor.mode === 'large') return null;
  return (
    <div class="tip" ref={ref}>
      <div class="h">
        <Glyph ball={table.ball} /> {tableTitle(table)}
      </div>
      {kindOf(table.ball).long.split(':')[0]}
      {table.since > 0 ? (
        <>
          , for <b>{duration(app.now() - table.since)}</b>
        </>
      ) : null}
      .
      <br />
      <span class="mono">{shortWait(app.live, table)}</span>
      <br />
      <span class="mono peer">{table.peer}</span>
    </div>
  );
}
