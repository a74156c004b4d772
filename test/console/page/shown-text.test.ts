import assert from 'node:assert/strict';
import { Fragment, h, options, type VNode } from 'preact';
import { escapeAllText, shownText } from '#page/console/page/shown-text.js';
import { test } from '../../support/test.js';

const evil = 'soup\u202egnp.exe\x1b[31m\u200b';
const shown = 'soup\\u202egnp.exe\\x1b[31m\\u200b';

test('text is shown with what nobody sees escaped; the tabs and lines of code stay', () => {
  assert.equal(shownText(evil), shown);
  assert.equal(shownText(`a\n\tb${evil}\n`), `a\n\tb${shown}\n`);
  assert.equal(shownText('Grüße, 山, 👩‍👩‍👧'), 'Grüße, 山, 👩‍👩‍👧');
});

test('all text and titles that are rendered are escaped, and no other property', () => {
  const before = { vnode: undefined, ...options };
  try {
    let told = 0;
    options.vnode = () => void told++;
    escapeAllText();
    const text = { type: null, props: evil } as unknown as VNode; // as preact makes one for a text
    options.vnode?.(text);
    assert.equal(text.props, shown);
    const { props } = h('input', { title: evil, 'aria-label': evil, value: evil });
    assert.deepEqual(props, { title: shown, 'aria-label': shown, value: evil });
    assert.deepEqual(h(Fragment, { title: evil } as object).props, { title: evil });
    assert.equal(told, 3);
  } finally {
    Object.assign(options, before);
  }
});
