// Figures for cells, in the words of introspect. What is not known is a dash.
import { bytesText, durationText, percentText, spanText } from '../inspect/protocol/index.ts';

const UNKNOWN = '-';

export function durationCell(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? UNKNOWN : durationText(ms);
}

/** The shortest and the longest of some waits. */
export function spanCell(shortest: number | null, longest: number | null): string {
  if (shortest === null || longest === null) return durationCell(longest ?? shortest);
  return spanText(shortest, longest);
}

export function bytesCell(bytes: number | null): string {
  return bytes === null ? UNKNOWN : bytesText(bytes);
}

export function shareCell(share: number | null): string {
  return share === null ? UNKNOWN : percentText(share);
}
