// Makes a PNG of a screen smaller: at most 128 colours, one byte a pixel. A page of flat colours, whose letters have
// soft edges, keeps its looks that way, in about a third of the bytes.
// Knows what Chromium writes: 8 bits a channel, RGB or RGBA without transparency, not interlaced.

import { crc32, deflateSync, inflateSync } from 'node:zlib';

const COLORS = 128;
const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

export function fewerColors(png) {
  const { width, height, pixels } = decode(png);
  const palette = commonColors(pixels);
  const nearest = new Map();
  const rows = Buffer.alloc((width + 1) * height); // each row begins with 0: no filter
  for (let i = 0; i < pixels.length; i++) {
    const color = pixels[i];
    let index = nearest.get(color);
    if (index === undefined) nearest.set(color, (index = nearestOf(palette, color)));
    rows[i + 1 + Math.floor(i / width)] = index;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8); // 8 bits, a palette
  const colors = Buffer.from(palette.flatMap(channels));
  const image = [chunk('IHDR', header), chunk('PLTE', colors), chunk('IDAT', deflateSync(rows, { level: 9 }))];
  return Buffer.concat([SIGNATURE, ...image, chunk('IEND', Buffer.alloc(0))]);
}

/** The pixels as numbers, 0xrrggbb. */
function decode(png) {
  const parts = [];
  let header;
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = data;
    if (type === 'IDAT') parts.push(data);
    at += length + 12;
  }
  const [width, height, type] = [header.readUInt32BE(0), header.readUInt32BE(4), header[9]];
  const size = type === 6 ? 4 : 3;
  const stride = width * size;
  const raw = inflateSync(Buffer.concat(parts));
  const pixels = new Uint32Array(width * height);
  let above = Buffer.alloc(stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    const row = raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1));
    for (let x = 0; x < stride; x++) {
      const left = x < size ? 0 : row[x - size];
      const corner = x < size ? 0 : above[x - size];
      row[x] += predicted(filter, left, above[x], corner);
    }
    for (let x = 0; x < width; x++) pixels[y * width + x] = row.readUIntBE(x * size, 3);
    above = row;
  }
  return { width, height, pixels };
}

/** The filters of PNG: none, left, above, their mean, and Paeth's. */
function predicted(filter, left, above, corner) {
  if (filter < 3) return [0, left, above][filter];
  if (filter === 3) return (left + above) >> 1;
  const [a, b, c] = [left, above, corner].map((value) => Math.abs(left + above - corner - value));
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

/** The most frequent colours, at most one of each 16 by 16 by 16 neighbours: rare ones fade into them. */
function commonColors(pixels) {
  const counts = new Map();
  for (const color of pixels) counts.set(color, (counts.get(color) ?? 0) + 1);
  const seen = new Map();
  const palette = [];
  for (const [color, count] of [...counts].sort((a, b) => b[1] - a[1])) {
    const around = color & 0xf0f0f0;
    // Areas keep their very colour; only what edges consist of is joined.
    if (count < pixels.length / 2000 && seen.has(around)) continue;
    seen.set(around, color);
    palette.push(color);
    if (palette.length === COLORS) break;
  }
  return palette;
}

function channels(color) {
  return [color >> 16, (color >> 8) & 255, color & 255];
}

function nearestOf(palette, color) {
  const [r, g, b] = channels(color);
  let [best, least] = [0, Infinity];
  for (const [index, other] of palette.entries()) {
    const [s, h, c] = channels(other);
    const distance = (r - s) ** 2 + (g - h) ** 2 + (b - c) ** 2;
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  whole.set(body, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}
