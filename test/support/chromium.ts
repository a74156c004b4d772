// Starts the Chromium of the machine, for tests (browser.ts) and scripts.
import { type Browser, chromium } from 'playwright-core';

export const chromiumPath = '/usr/bin/chromium';

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, headless: true, args });
}
