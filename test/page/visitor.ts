// A person with a browser on the page: what they see, type and tap, and what their browser complained about.
import { expect } from 'vitest';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { PATIENCE_MS } from '../until.ts';

export interface Visitor {
  page: Page;
  /** Refused by the policy, thrown by the page, or written to the console as an error. */
  complaints: string[];
  /** The screen of the terminal that is shown. */
  screen: () => Promise<string>;
  /** Types into it and presses Enter. */
  run: (command: string) => Promise<void>;
  /** Waits until the screen shows it. */
  sees: (text: string | RegExp) => Promise<void>;
  /** Waits until the connection's state has this word. */
  isIn: (state: 'Connected' | 'Reconnecting' | 'Not connected' | 'Connecting') => Promise<void>;
  /** Whether the page is in sight, as its browser says from now on. */
  see: (state: 'visible' | 'hidden') => Promise<void>;
  leave: () => Promise<void>;
}

export const desktop: BrowserContextOptions = { viewport: { width: 1100, height: 700 }, colorScheme: 'dark' };
export const phone: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
  colorScheme: 'dark',
};

const WAIT = { timeout: PATIENCE_MS, interval: 30 };

/** `expect(...)` of what `look` finds, as soon as it holds; red when it does not within a generous while. */
export function eventually<T>(look: () => T | Promise<T>) {
  return expect.poll(look, WAIT);
}

export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = desktop,
): Promise<Visitor> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  await context.exposeBinding('complain', (_source, text: string) => complaints.push(text));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const { complain } = globalThis as unknown as { complain: (text: string) => void };
      complain(`${event.effectiveDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const isRefusal =
      message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text());
    if (isRefusal) complaints.push(message.text());
  });
  await page.goto(url);
  return describeVisitor(page, complaints, () => context.close());
}

function describeVisitor(page: Page, complaints: string[], leave: () => Promise<void>): Visitor {
  const rows = page.locator('.pane:not([hidden]) .xterm-rows > div');
  const screen = async () =>
    (await rows.allInnerTexts())
      .map((row) => row.trimEnd())
      .join('\n')
      .trimEnd();
  return {
    page,
    complaints,
    screen,
    run: async (command) => {
      await page.keyboard.type(command);
      await page.keyboard.press('Enter');
    },
    sees: (text) =>
      typeof text === 'string' ? eventually(screen).toContain(text) : eventually(screen).toMatch(text),
    isIn: (state) => eventually(() => page.locator('#state').textContent()).toBe(state),
    see: (state) =>
      page.evaluate((now) => {
        Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => now });
        document.dispatchEvent(new Event('visibilitychange'));
      }, state),
    leave,
  };
}
