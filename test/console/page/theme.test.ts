import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { alpha, DARK, LIGHT, mix } from '#page/console/page/theme.js';
import { test } from '../../support/test.js';

/** What WCAG 2 AA wants of text, and of shapes. */
const TEXT = 4.5;
const SHAPE = 3;

describe('theme', () => {
  for (const theme of [LIGHT, DARK]) {
    test(`${theme.name}: text has a contrast of ${TEXT} on everything that it stands on`, () => {
      for (const ink of ['ink', 'ink2', 'ink3'] as const) {
        for (const paper of ['bg', 'surface', 'raised', 'sunk'] as const) {
          const found = contrast(theme[ink], theme[paper]);
          assert.ok(found >= TEXT - 0.05, `${ink} on ${paper}: ${found.toFixed(2)}`);
        }
      }
      assert.ok(contrast(theme.block, theme.surface) >= TEXT);
      assert.ok(contrast(theme.block, theme.blockbg) >= 4.2);
    });

    test(`${theme.name}: every kind's shape has a contrast of ${SHAPE} on a surface`, () => {
      for (const [kind, color] of Object.entries(theme.kinds)) {
        const found = contrast(color, theme.surface);
        assert.ok(found >= SHAPE, `${kind}: ${found.toFixed(2)}`);
      }
      assert.ok(contrast(mix(theme.surface, theme.kinds.read, 0.7), theme.surface) >= SHAPE, 'a guest at leisure');
    });
  }

  test('black on white has a contrast of 21, and a colour on itself of 1', () => {
    assert.equal(contrast('#000000', '#ffffff'), 21);
    assert.equal(contrast('#123456', '#123456'), 1);
  });

  test('mix and alpha are what a canvas takes', () => {
    assert.equal(mix('#000000', '#ffffff', 0.5), '#808080');
    assert.equal(mix('#fdfcf9', '#000000', 0), '#fdfcf9');
    assert.equal(alpha('#102030', 0.4), 'rgb(16 32 48 / 0.4)');
  });
});

/** Contrast of two colours as WCAG 2 defines it: 1 to 21. */
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

function luminance(hex: string): number {
  const value = Number.parseInt(hex.slice(1), 16);
  const [r = 0, g = 0, b = 0] = [value >> 16, (value >> 8) & 255, value & 255].map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
