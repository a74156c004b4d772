// The file of a recording: one HTML page with slow motion over the recording in it. It opens from a
// disk without a network.
import type { PackedRecording } from '../inspect/protocol/index.ts';

/** Where the template has the data. scripts/build-recording.mjs puts it there. */
const PLACE = '/*recording*/';

/**
 * Returns the HTML of a recording's file. The data stand in a JSON script element, from which no
 * text of a client or program can break out: a `<` is escaped, and so are the line separators that
 * JSON allows and scripts do not.
 * @param template the page as it was built: dist/console/page/recording.html
 * @throws RangeError if the template has no place for the data
 */
export function recordingFile(recording: PackedRecording, template: string): string {
  const at = template.indexOf(PLACE);
  if (at < 0) throw new RangeError('Cannot write the recording: the template has no place for it');
  return template.slice(0, at) + asScriptText(JSON.stringify(recording)) + template.slice(at + PLACE.length);
}

function asScriptText(json: string): string {
  return json.replace(/[<\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
