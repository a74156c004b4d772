// The charts above every view: how the process has been doing. Red marks are blocks; pointing at a chart shows the
// numbers of that moment in all of them.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { type Signal, useSignal } from '@preact/signals';
import UPlot from 'uplot';
import type { App } from './app.ts';
import { type Chart, CHARTS, columnsOf, mostOf } from './charts.ts';
import { timeOfDay } from './format.ts';
import { STRIP_POINTS } from './live.ts';
import { alpha, type Theme } from './theme.ts';

export function Strip({ app }: { readonly app: App }): JSX.Element {
  /** The index of the point that is pointed at; -1 for the last one. */
  const at = useSignal(-1);
  return (
    <div class="strip" role="group" aria-label="The last five minutes">
      {CHARTS.map((chart) => (
        <Cell key={chart.id} app={app} chart={chart} at={at} />
      ))}
    </div>
  );
}

interface CellProps {
  readonly app: App;
  readonly chart: Chart;
  readonly at: Signal<number>;
}

function Cell({ app, chart, at }: CellProps): JSX.Element {
  void app.beat.value;
  const { strip } = app.live;
  const point = strip[at.value] ?? strip.at(-1);
  const pointed = at.value >= 0 && chart.id === 'busy' && point !== undefined;
  const epoch = app.hello.value?.process.epoch ?? 0;
  const top = chart.top(mostOf(strip.map((each) => chart.value(each))));
  return (
    <div class="cell">
      <div>
        <div class="lab">{pointed ? `at ${timeOfDay(epoch + point.at)}` : chart.label}</div>
        <div class="val">
          {point === undefined
            ? '–'
            : chart.text(point).map((text, i) => (i % 2 === 0 ? text : <small key={i}>{text}</small>))}
        </div>
      </div>
      <div class="chart" aria-hidden="true">
        <span class="ago">5 min</span>
        <span class="top">{chart.topText(top)}</span>
        <Plot app={app} chart={chart} at={at} />
      </div>
    </div>
  );
}

function Plot({ app, chart, at }: CellProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  void app.beat.value;
  const theme = app.theme.value;
  const last = app.live.strip.at(-1);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const made = new UPlot(optionsOf(app, chart, at), [[], []], element);
    plot.current = made;
    const follow = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    follow.observe(element);
    return () => {
      follow.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [app, chart, at]);
  useEffect(() => {
    // uPlot takes plain arrays whose nulls are gaps; its type knows only arrays of arrays.
    plot.current?.setData(columnsOf(chart, app.live.strip) as unknown as UPlot.AlignedData);
  }, [app, chart, last, theme]);
  return <div class="plot" ref={box} />;
}

function optionsOf(app: App, chart: Chart, at: Signal<number>): UPlot.Options {
  const theme = (): Theme => app.theme.value;
  return {
    width: 120,
    height: 44,
    padding: [10, 2, 2, 2],
    legend: { show: false },
    axes: [{ show: false }, { show: false }],
    cursor: {
      x: true,
      y: false,
      drag: { x: false, y: false },
      points: { show: false },
      sync: { key: 'strip' },
    },
    scales: {
      x: {
        time: false,
        range: (_plot, _min, max) => [max - (STRIP_POINTS - 1), max],
      },
      y: { range: (plot) => [0, chart.top(mostOf(plot.data[1] as readonly (number | null)[] | undefined))] }, // as we set it
    },
    series: [
      {},
      {
        stroke: () => theme().ink2,
        fill: () => alpha(theme().ink2, 0.14),
        width: 1.2,
        points: { show: false },
      },
      ...(chart.second === undefined
        ? []
        : [{ stroke: () => theme().ink3, width: 1, dash: [2, 2], points: { show: false } }]),
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, app, chart)],
      setCursor: [
        (plot) => {
          at.value = plot.cursor.idx ?? -1;
        },
      ],
    },
  };
}

/** The base line, and a red mark for each second with a block. */
function drawMarks(plot: UPlot, app: App, chart: Chart): void {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  const pixel = devicePixelRatio;
  const { line, block } = app.theme.value;
  ctx.save();
  ctx.fillStyle = line;
  ctx.fillRect(left, top + height, width, pixel);
  ctx.fillStyle = block;
  const tall = chart.id === 'lag' ? height : Math.min(height, 7 * pixel);
  for (const { at, longestBlock } of app.live.strip) {
    if (longestBlock <= 0) continue;
    const x = plot.valToPos(at / 1000, 'x', true);
    if (x >= left) ctx.fillRect(x - pixel, top + height - tall, 1.6 * pixel, tall);
  }
  ctx.restore();
}
