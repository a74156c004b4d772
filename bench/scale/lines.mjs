// A line chart as SVG text. Its colours follow the reader's light or dark theme.

const [width, height] = [800, 300];
const [left, right, top, bottom] = [64, 256, 44, 44];

/** `lines`: `{ label, points: [x, y][] }`. `scale`: 'linear', or 'log' for y from 1 on. */
export function drawLines(title, { x, y, scale = 'linear', most }, lines) {
  const longest = Math.ceil(Math.max(...lines.flatMap(({ points }) => points.map(([at]) => at)), 1) / 20) * 20;
  const largest = most ?? Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value)), 1);
  const highest = scale === 'log' ? 10 ** Math.ceil(Math.log10(largest)) : largest;
  const plotWidth = width - left - right;
  const plotHeight = height - top - bottom;
  const toX = (at) => left + (at / longest) * plotWidth;
  const share = (value) =>
    scale === 'log' ? Math.log10(Math.max(1, value)) / Math.log10(Math.max(10, highest)) : value / highest;
  const toY = (value) => top + (1 - Math.min(1, share(value))) * plotHeight;
  const marks = scale === 'log' ? powers(highest) : [0, 0.25, 0.5, 0.75, 1].map((part) => part * highest);
  const grid = marks.map(
    (value) =>
      `  <line class="grid" x1="${left}" x2="${width - right}" y1="${toY(value).toFixed(1)}" y2="${toY(value).toFixed(1)}"/>\n` +
      `  <text x="${left - 8}" y="${(toY(value) + 4).toFixed(1)}" text-anchor="end">${short(value)}</text>`,
  );
  const times = [0, 0.25, 0.5, 0.75, 1].map(
    (part) =>
      `  <text x="${toX(part * longest).toFixed(1)}" y="${height - bottom + 18}" text-anchor="middle">${short(part * longest)}</text>`,
  );
  const drawn = lines.map(({ points }, i) => {
    const path = points.map(([at, value], j) => `${j === 0 ? 'M' : 'L'}${toX(at).toFixed(1)} ${toY(value).toFixed(1)}`);
    return `  <path class="line c${i}" d="${path.join('')}"/>`;
  });
  const legend = lines.map(
    ({ label }, i) =>
      `  <line class="line c${i}" x1="${width - right + 16}" x2="${width - right + 36}" y1="${top + 10 + 20 * i}" y2="${top + 10 + 20 * i}"/>\n` +
      `  <text x="${width - right + 42}" y="${top + 14 + 20 * i}">${escape(label)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
  <style>
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600 }
    .grid { stroke: #d0d7de }
    .line { fill: none; stroke-width: 2 }
    .c0 { stroke: #cf222e }
    .c1 { stroke: #bf8700 }
    .c2 { stroke: #8250df }
    .c3 { stroke: #0969da }
    .c4 { stroke: #1a7f37 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .grid { stroke: #30363d }
      .c0 { stroke: #ff7b72 }
      .c1 { stroke: #d29922 }
      .c2 { stroke: #a371f7 }
      .c3 { stroke: #4493f8 }
      .c4 { stroke: #3fb950 }
    }
  </style>
  <text class="title" x="8" y="20">${escape(title)}</text>
${[...grid, ...times, ...drawn, ...legend].join('\n')}
  <text x="${left + plotWidth / 2}" y="${height - 8}" text-anchor="middle">${escape(x)}</text>
  <text x="${left}" y="${top - 8}">${escape(y)}</text>
</svg>
`;
}

function powers(highest) {
  return Array.from({ length: Math.ceil(Math.log10(highest)) + 1 }, (_, i) => 10 ** i);
}

function short(value) {
  if (value >= 1e6) return `${+(value / 1e6).toPrecision(3)} M`;
  if (value >= 10_000) return `${+(value / 1e3).toPrecision(3)} k`;
  return String(+value.toPrecision(3));
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
