// Escapes text from outside for terminals and logs. As it is, such text could move the cursor,
// recolour what follows, retitle the window, or start a line that looks like one of ours.

/**
 * Control characters with tab and newline, what Unicode calls line separators, and format characters: they
 * change the direction of text, or nobody sees them, so that two names that look the same differ in one,
 * and a text of tags is one that only a machine reads. The two joiners stay: emoji and several scripts
 * need them.
 */
const CONTROL = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029\u{e0000}-\u{e0fff}]/gu;

const NAMES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Returns a text on one line: `\n`, `\x1b` or `\u2028` stands for each character that is
 * not shown. The rest is unchanged.
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

/** Escapes the same in JSON, which leaves most of it as it is. Parsed, it is the same value. */
export function escapeJson(json: string): string {
  return json.replace(CONTROL, (character) =>
    Array.from({ length: character.length }, (_, i) => `\\u${hex(character.charCodeAt(i), 4)}`).join(''),
  );
}

function escape(character: string): string {
  const code = character.codePointAt(0) as number; // the expression has matched one
  return (
    NAMES[character] ??
    (code > 0xffff ? `\\u{${hex(code)}}` : code > 0xff ? `\\u${hex(code, 4)}` : `\\x${hex(code, 2)}`)
  );
}

function hex(code: number, digits = 0): string {
  return code.toString(16).padStart(digits, '0');
}
