// A horizontal bar chart as SVG text. Its colours follow the reader's light or dark theme.

const width = 760;
const barHeight = 16;
const rowHeight = 24;
const labelWidth = 250;
const valueWidth = 80;
const top = 36;

/** `bars`: `{ label, value, text, ours }`, drawn in the given order on one scale from zero. */
export function drawChart(title, bars) {
  const height = top + bars.length * rowHeight + 8;
  const largest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.map(({ label, value, text, ours }, i) => {
    const y = top + i * rowHeight;
    const length = Math.max(1, (value / largest) * (width - labelWidth - valueWidth));
    return [
      `  <text x="${labelWidth - 8}" y="${y + 12}" text-anchor="end">${escape(label)}</text>`,
      `  <rect class="${ours ? 'ours' : 'peer'}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>`,
      `  <text x="${labelWidth + length + 6}" y="${y + 12}">${escape(text)}</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
  <style>
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600 }
    .ours { fill: #0969da }
    .peer { fill: #afb8c1 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .ours { fill: #4493f8 }
      .peer { fill: #545d68 }
    }
  </style>
  <text class="title" x="8" y="20">${escape(title)}</text>
${rows.join('\n')}
</svg>
`;
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
