// Builds the template of a recording's file: the page src/console/page/recording.html with its script and style inside,
// and a content security policy that allows these two and nothing else. `recordingFile` puts the data into it.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundlePage, pageFolder, pageSource, unlessUpToDate } from './page-bundler.mjs';
import { root } from './setup.mjs';

/** Where the template is, beside the page. */
const recordingTemplate = join(pageFolder, 'recording.html');

/** Bytes of the template: what a recording may add to it is 3 MiB less this. */
const most = 160_000;

/** Builds the template, unless it is up to date. Throws if it has grown beyond its bound. */
export async function buildRecording() {
  await unlessUpToDate(join(root, 'build/recording.json'), [recordingTemplate], async () => {
    const { html, inputs } = await bundle();
    if (html.length > most) throw new Error(`Cannot build the recording's template: it has ${html.length} bytes`);
    mkdirSync(pageFolder, { recursive: true });
    writeFileSync(recordingTemplate, html);
    return inputs;
  });
}

async function bundle() {
  const { result, inputs } = await bundlePage(import.meta.url, {
    publicDir: false,
    build: {
      write: false,
      assetsInlineLimit: 0,
      rolldownOptions: {
        input: join(pageSource, 'recording.html'),
        output: { codeSplitting: false },
      },
    },
  });
  const { output } = result;
  const code = output.find(({ type }) => type === 'chunk').code;
  const style = String(output.find(({ fileName }) => fileName.endsWith('.css')).source);
  const page = String(output.find(({ fileName }) => fileName.endsWith('.html')).source);
  return { html: inline(page, code, style), inputs };
}

/** The page with everything in it. */
function inline(page, code, style) {
  // A `</script` in a string or a template would end the element.
  const script = code.trim().replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
  const css = style.trim();
  const policy = [
    "default-src 'none'",
    `script-src '${hash(script)}'`,
    `style-src '${hash(css)}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
  const head = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
  const data = '<script type="application/json" id="recording">/*recording*/</script>';
  const body = `${data}<script type="module">${script}</script>`;
  return page
    .replace(/<script type="module"[^>]*><\/script>/g, '')
    .replace(/<link rel="stylesheet"[^>]*>/g, '')
    .replace(/(<meta charset="utf-8" ?\/?>)/, (charset) => charset + head)
    .replace('</head>', () => `<style>${css}</style></head>`)
    .replace('</body>', () => `${body}</body>`);
}

function hash(text) {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
