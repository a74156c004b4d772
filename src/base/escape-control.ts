// Text from outside, made fit for a terminal and a log. Raw, it could move the cursor, recolour what follows, retitle the window,
// or begin a line of its own that looks like one of ours.

/** C0 with tab and newline, DEL, C1, what Unicode calls line separators, and what turns the direction of text around. */
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g; // oxlint-disable-line no-control-regex -- the point

const NAMES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text on one line: `\n`, `\x1b` or `\u2028` stands for each control character. Everything else stays as it is. */
export function escapeControl(text: string): string {
  return text.replace(CONTROL, escape);
}

/**
 * A text of several lines, a stack for example: newlines stay, and every line but the first is indented, so that none of them
 * passes for a line of its own. Other control characters are escaped.
 */
export function escapeLines(text: string): string {
  return text
    .split('\n')
    .map((line, index) => (index === 0 || line === '' || line.startsWith(' ') ? '' : '  ') + escapeControl(line))
    .join('\n');
}

/** A text in quotes, on one line. JSON alone would let DEL, C1 and the line separators through. */
export function quote(text: string): string {
  return escapeControl(JSON.stringify(text));
}

function escape(character: string): string {
  const code = character.charCodeAt(0);
  const name = NAMES[character];
  if (name !== undefined) return name;
  return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
}
