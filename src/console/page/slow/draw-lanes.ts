// Draws the lanes.
import type { Pen } from '../floor/pen.ts';
import { duration } from '../format.ts';
import { KINDS, KITCHEN } from '../kinds.ts';
import { alpha, mix } from '../theme.ts';
import { clamp, type Segment, segmentAt, type Stay, type TableHistory } from './history.ts';
import { axisAt, gridStep, recordedOn, type Rows, threadOf } from './lanes.ts';
import type { Player } from './player.ts';
import { segmentWords } from './sentences.ts';

export interface Surface {
  readonly pen: Pen;
  readonly width: number;
  readonly height: number;
}

/** Free pixels right of everything. */
export const RIGHT = 16;
/** Where names stand. */
export const LEFT = 16;

/** The width of the names left of the lanes. */
export function nameWidth(width: number): number {
  return width < 640 ? 84 : 132;
}

/** From recorded time to pixels, and back. */
export interface Scale {
  readonly x: (at: number) => number;
  readonly recorded: (x: number) => number;
}

/** The scale of the lanes: silences are cut out. */
export function laneScale(player: Player, width: number): Scale {
  const left = nameWidth(width);
  const room = width - left - RIGHT;
  const [begin, end] = player.shown;
  const unit = room / Math.max(1e-9, end - begin);
  return {
    x: (at) => left + (axisAt(player.axis, at) - begin) * unit,
    recorded: (x) => recordedOn(player.axis, begin + (x - left) / unit),
  };
}

interface LaneView extends Surface {
  readonly player: Player;
  readonly rows: Rows;
  readonly x: (at: number) => number;
  /** Recorded milliseconds at both edges. */
  readonly from: number;
  readonly to: number;
  /** The playhead. */
  readonly now: number;
  readonly bar: number;
  readonly y: (lane: number) => number;
}

/** The string-line diagram. @param scroll pixels */
export function drawLanes(surface: Surface, player: Player, rows: Rows, scroll: number): void {
  const { pen, width } = surface;
  const { theme } = pen;
  const { x, recorded } = laneScale(player, width);
  const left = nameWidth(width);
  const view: LaneView = {
    ...surface,
    player,
    rows,
    x: (at) => clamp(x(at), left, width - RIGHT),
    from: recorded(left),
    to: recorded(width - RIGHT),
    now: player.recorded,
    bar: Math.min(12, rows.height * 0.52),
    y: (lane) => rows.middle(lane) - scroll,
  };
  drawGrid(view);
  const { stay } = player.piece;
  const current = stay === undefined ? 0 : (player.lanes.laneOf.get(stay.table) ?? player.lanes.othersLane);
  if (current > 0) {
    pen.ctx.fillStyle = theme.sunk;
    pen.ctx.fillRect(0, view.y(current) - rows.height / 2, width, rows.height);
  }
  pen.text('the loop', LEFT, view.y(0), 12, theme.ink, { weight: 560 });
  if (left > 100) pen.bow(left - 16, view.y(0), 6, theme.ink, theme.surface);
  player.lanes.tables.forEach((table, n) => drawTableLane(view, table, n + 1, n + 1 === current));
  if (player.lanes.others > 0) {
    pen.text(`${player.lanes.others} more`, LEFT, view.y(player.lanes.othersLane), 12, theme.ink3);
  }
  drawStoves(view);
  drawCuts(view);
  drawThread(view);
  drawVisits(view);
  drawNumbers(view);
  drawPlayhead(view, current, stay);
}

function visible({ rows, height, y }: LaneView, lane: number): boolean {
  return y(lane) > -rows.height && y(lane) < height + rows.height;
}

function drawGrid({ pen, player, height, width, from, to }: LaneView): void {
  const { ctx, theme } = pen;
  const { x } = laneScale(player, width);
  const left = nameWidth(width);
  const [begin, end] = player.shown;
  const step = gridStep(end - begin);
  for (let n = Math.ceil(from / step); n * step <= to + 1e-9; n++) {
    const at = Math.round(x(n * step));
    if (at < left || isCut(player, n * step)) continue;
    ctx.fillStyle = mix(theme.surface, theme.line, 0.7);
    ctx.fillRect(at, 0, 1, height);
  }
}

/** Pixels below the lanes for the numbers of the grid: where the scrubber has the same scale, its numbers serve both. */
export function footOf(player: Player): number {
  const [begin, end] = player.shown;
  return end - begin >= player.axis.length ? 0 : 16;
}

function drawNumbers({ pen, player, height, width, from, to }: LaneView): void {
  const foot = footOf(player);
  if (foot === 0) return;
  const { ctx, theme } = pen;
  const { x } = laneScale(player, width);
  const left = nameWidth(width);
  const [begin, end] = player.shown;
  const step = gridStep(end - begin);
  ctx.fillStyle = theme.surface;
  ctx.fillRect(0, height - foot, width, foot);
  const digits = step < 0.05 ? 2 : step < 1 ? 1 : 0;
  for (let n = Math.ceil(from / step); n * step <= to + 1e-9; n++) {
    const at = x(n * step);
    if (n % 2 === 1 || at < left + 4 || at > width - 40 || isCut(player, n * step)) continue;
    pen.text(`${(n * step).toFixed(digits)} ms`, at, height - 8, 10, theme.ink3, { align: 'center' });
  }
}

function isCut({ axis }: Player, at: number): boolean {
  return axis.cuts.some(({ from, to }) => at > from && at < to);
}

function drawTableLane(view: LaneView, table: TableHistory, lane: number, current: boolean): void {
  if (!visible(view, lane)) return;
  const { pen, rows, now, from, to, player, width } = view;
  const { theme } = pen;
  const y = view.y(lane);
  const left = nameWidth(width);
  const segment = segmentAt(table, now) ?? table.segments.findLast(({ begin }) => begin <= now);
  if (segment !== undefined) {
    const ball = KINDS.findIndex(({ id }) => id === segment.ball);
    pen.glyph(ball, 22, y, Math.min(6, rows.height * 0.27), pen.color(ball));
  }
  const name = left < 100 ? String(table.table.id) : table.name;
  const style = { weight: current ? 650 : 450 };
  pen.text(pen.fit(name, 12, left - 46, style), 36, y, 12, theme.ink, style);
  for (const each of segmentsWithin(table.segments, from, to)) drawSegment(view, each, y);
  if (player.history.length > table.left && table.left >= from && table.left <= to) {
    // It has ended: nothing more is known of it, and nothing more happens.
    pen.line(view.x(table.left), y - 4, view.x(table.left), y + 4, theme.ink3, 1);
  }
}

/** The segments that overlap a span. Binary search: a table may have thousands. */
function segmentsWithin(segments: readonly Segment[], from: number, to: number): Segment[] {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle] as Segment).end < from) low = middle + 1;
    else high = middle;
  }
  const found: Segment[] = [];
  for (let n = low; n < segments.length; n++) {
    const segment = segments[n] as Segment; // n < length
    if (segment.begin > to) break;
    found.push(segment);
  }
  return found;
}

function drawSegment(view: LaneView, segment: Segment, y: number): void {
  const { pen, x, now, bar } = view;
  const { ctx, theme } = pen;
  const [a, b] = [x(segment.begin), x(segment.end)];
  if (b - a < 0.4) return;
  const color = theme.kinds[segment.ball];
  const past = segment.begin <= now;
  if (segment.state !== 'waits') {
    hatch(view, segment.state === 'maybe', a, b, y, color, past);
    return;
  }
  const cut = x(clamp(now, segment.begin, segment.end));
  const [solid, pale] = pen.dark ? [0.5, 0.2] : [0.42, 0.14];
  if (cut > a) {
    ctx.fillStyle = mix(theme.surface, color, solid);
    ctx.fillRect(a, y - bar / 2, cut - a, bar);
  }
  if (b > cut) {
    ctx.fillStyle = mix(theme.surface, color, pale);
    ctx.fillRect(cut, y - bar / 2, b - cut, bar);
  }
  if (b - a < 34) return;
  const words = segmentWords(segment, now).find((each) => pen.widthOf(each, 10.5, { weight: 450 }) <= b - a - 10);
  if (words !== undefined) pen.text(words, a + 6, y + 0.5, 10.5, past ? theme.ink : theme.ink3, { weight: 450 });
}

/** Red lines: called and not served. Pale: called at some moment of this span. */
function hatch(view: LaneView, maybe: boolean, a: number, b: number, y: number, color: string, past: boolean): void {
  const { pen, bar } = view;
  const { ctx, theme } = pen;
  const top = y - bar / 2;
  ctx.save();
  ctx.beginPath();
  ctx.rect(a, top, b - a, bar);
  ctx.clip();
  if (maybe) {
    ctx.fillStyle = mix(theme.surface, color, past ? 0.22 : 0.1);
    ctx.fillRect(a, top, b - a, bar);
  }
  ctx.beginPath();
  for (let at = a - bar; at < b; at += maybe ? 9 : 4) {
    ctx.moveTo(at, top + bar);
    ctx.lineTo(at + bar, top);
  }
  pen.stroke(alpha(theme.block, maybe ? (past ? 0.7 : 0.35) : past ? 1 : 0.45), 1);
  ctx.restore();
}

/** The kitchen works while the waiter walks. */
function drawStoves(view: LaneView): void {
  const { pen, player, rows, x, from, to, now, bar, width } = view;
  const { ctx, theme } = pen;
  const { stoves, recording } = player.history;
  if (rows.rule !== undefined) {
    const y = rows.rule + view.y(0) - rows.middle(0);
    ctx.fillStyle = theme.line2;
    ctx.fillRect(LEFT, y, width - 2 * LEFT, 1);
  }
  const first = player.lanes.count - stoves.length;
  stoves.forEach((stove, n) => {
    if (!visible(view, first + n)) return;
    const y = view.y(first + n);
    pen.text(`stove ${n + 1}`, LEFT, y, 12, theme.ink2);
    for (const { job, begin, end, over } of stove.jobs) {
      if (end < from || begin > to) continue;
      const [a, b] = [x(begin), x(end)];
      const cut = x(clamp(now, begin, end));
      ctx.fillStyle = mix(theme.surface, pen.color(KITCHEN), pen.dark ? 0.2 : 0.14);
      ctx.fillRect(a, y - bar / 2, b - a, bar);
      ctx.fillStyle = mix(theme.surface, pen.color(KITCHEN), 0.5);
      ctx.fillRect(a, y - bar / 2, cut - a, bar);
      if (over && end < to) pen.line(b, y - bar / 2, b, y + bar / 2, alpha(theme.ink, 0.3), 1);
      const id = job.table === null ? undefined : recording.tables[job.table]?.id;
      const names = id === undefined ? [job.name] : [`table ${id}`, String(id)];
      const label = names.find((each) => pen.widthOf(each, 10.5, { weight: 450 }) <= b - a - 8);
      const reached = begin <= now;
      if (label !== undefined && b - a > 12)
        pen.text(label, a + 6, y + 0.5, 10.5, reached ? theme.ink : theme.ink3, { weight: 450 });
    }
  });
}

/** Silences that are cut out: two strokes, and how long it was. */
function drawCuts({ pen, player, x, from, to, height, width }: LaneView): void {
  const { ctx, theme } = pen;
  for (const cut of player.axis.cuts) {
    if (cut.to < from || cut.from > to) continue;
    const [a, b] = [x(cut.from), x(cut.to)];
    if (b - a < 1) continue;
    ctx.fillStyle = theme.surface;
    ctx.fillRect(a, 0, b - a, height);
    ctx.beginPath();
    for (const edge of [a, b]) {
      if (edge <= nameWidth(width) || edge >= width - RIGHT) continue;
      for (let y = 0, n = 0; y < height; y += 5, n++)
        ctx[n === 0 ? 'moveTo' : 'lineTo'](edge + (n % 2 === 0 ? -2 : 2), y);
    }
    pen.stroke(theme.line2, 1);
    const label = `${duration(cut.to - cut.from)} of silence`;
    const middle = (a + b) / 2;
    ctx.save();
    ctx.translate(middle, height / 2);
    ctx.rotate(-Math.PI / 2);
    pen.text(label, 0, 0, 11, theme.ink3, { align: 'center' });
    ctx.restore();
  }
}

/** The one line of the loop: drawn up to the playhead, pale after it. */
function drawThread(view: LaneView): void {
  const { pen, player, y, from, to, now, width, height } = view;
  const { ctx, theme } = pen;
  // What lies left of the window is cut off, not drawn at its edge.
  const { x } = laneScale(player, width);
  const points = threadOf(player.history, player.lanes, from, to);
  const left = nameWidth(width);
  const stroke = (upTo: number, color: string, line: number): void => {
    ctx.beginPath();
    let begun = false;
    for (const [at, lane] of points) {
      const px = x(Math.min(at, upTo));
      if (begun) ctx.lineTo(px, y(lane));
      else ctx.moveTo(px, y(lane));
      begun = true;
      if (at > upTo) break;
    }
    pen.stroke(color, line);
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, 0, width - left - RIGHT + 2, height);
  ctx.clip();
  ctx.lineJoin = 'round';
  stroke(to, alpha(theme.ink, 0.13), 1);
  const crowded = points.length / 4;
  stroke(now, alpha(theme.ink, crowded > 60 ? 0.34 : crowded > 30 ? 0.5 : 0.8), crowded > 40 ? 0.9 : 1.3);
  ctx.restore();
}

function drawVisits(view: LaneView): void {
  const { pen, player, x, y, from, to, now, bar, width } = view;
  const { ctx, theme } = pen;
  const { stays } = player.history;
  const { laneOf } = player.lanes;
  for (let n = firstFrom(stays, from); n < stays.length; n++) {
    const stay = stays[n] as Stay; // n < length
    if (stay.begin > to) break;
    const lane = laneOf.get(stay.table);
    if (lane === undefined || !visible(view, lane)) continue;
    const left = x(stay.begin);
    const wide = Math.max(2, x(stay.end) - left);
    const done = stay.begin <= now;
    const middle = y(lane);
    const blocked = stay.stands;
    const color = blocked ? theme.block : theme.ink;
    ctx.fillStyle = done ? color : alpha(color, 0.3);
    const thin = wide <= 2 ? 1 : 0;
    ctx.fillRect(left - thin, middle - bar / 2 - 2, wide, bar + 4);
    if (!stay.exact && wide > 6) openEdge(view, left + wide, middle);
    if (wide < 44 || left + wide > width) continue;
    const where = stay.block?.place?.function ?? '';
    const words = blocked ? [`${where} ${duration(stay.ms)}`.trim(), duration(stay.ms)] : [duration(stay.ms)];
    const label = words.find((each) => pen.widthOf(each, 11, { weight: 600 }) <= wide - 12);
    if (label !== undefined) pen.text(label, left + 8, middle + 0.5, 11, theme.surface, { weight: 600 });
  }
}

/** The end was not measured: the right edge is open. */
function openEdge({ pen, bar }: LaneView, x: number, y: number): void {
  const { ctx, theme } = pen;
  ctx.fillStyle = theme.surface;
  for (let top = -bar / 2 - 2; top < bar / 2 + 2; top += 4) ctx.fillRect(x - 2, y + top, 2.5, 2);
}

function firstFrom(stays: readonly Stay[], from: number): number {
  let low = 0;
  let high = stays.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stays[middle] as Stay).end < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function drawPlayhead({ pen, x, y, now, height }: LaneView, lane: number, stay: Stay | undefined): void {
  const { ctx, theme } = pen;
  ctx.fillStyle = theme.ink;
  ctx.fillRect(x(now) - 0.75, 0, 1.5, height);
  pen.bow(x(now), y(lane), 6.5, stay?.stands === true ? theme.block : theme.ink, theme.surface);
}
