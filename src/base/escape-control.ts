// Escapes text from outside for terminals and logs. As it is, such text could move the cursor,
// recolour what follows, retitle the window, or start a line that looks like one of ours.

/**
 * C0 with tab and newline, DEL, C1, what Unicode calls line separators, and what changes the
 * direction of text.
 */
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g; // oxlint-disable-line no-control-regex -- the point

const NAMES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Returns a text on one line: `\n`, `\x1b` or `\u2028` stands for each control character. The rest
 * is unchanged.
 */
export function escapeControl(text: string): string {
  return text.replace(CONTROL, escape);
}

/**
 * Escapes a text of several lines, such as a stack. Newlines stay, and every line but the first is
 * indented, so that none of them looks like a separate log line. Other control characters are
 * escaped.
 */
export function escapeLines(text: string): string {
  return text
    .split('\n')
    .map((line, index) => (index === 0 || line === '' || line.startsWith(' ') ? '' : '  ') + escapeControl(line))
    .join('\n');
}

/**
 * Returns a text in quotes, on one line. JSON alone would leave DEL, C1 and the line separators in.
 */
export function quote(text: string): string {
  return escapeControl(JSON.stringify(text));
}

function escape(character: string): string {
  const code = character.charCodeAt(0);
  const name = NAMES[character];
  if (name !== undefined) return name;
  return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
}
