// Finds a Chromium for tests in a browser. Knows no page.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { isLeftOut } from './needs.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const NEXT_STEP =
  'no Chromium found: set CHROMIUM to its path, or on Debian: apt-get install -y --no-install-recommends chromium';

const executable = findChromium();

/** For `describe.skipIf`. */
export const browserMissing = isLeftOut('tests of the page in a browser', executable ? undefined : NEXT_STEP);

/** A headless browser; the caller closes it. Throws with the next step when there is none. */
export async function launchBrowser(): Promise<Browser> {
  if (!executable) throw new Error(NEXT_STEP);
  return chromium.launch({ executablePath: executable, headless: true, args: FLAGS });
}

function findChromium(): string | undefined {
  const named = process.env['CHROMIUM'];
  if (named) return existsSync(named) ? named : undefined;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const candidates = NAMES.flatMap((name) => [...folders, '/usr/bin'].map((folder) => join(folder, name)));
  return candidates.find((candidate) => existsSync(candidate));
}
