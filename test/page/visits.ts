// What the tests of the page share: a browser for the file, a site for each test, and a goodbye to all who came. Tests nothing.
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../browser.ts';
import { startSite, type Site } from './site.ts';
import { desktop, visit, type Visitor } from './visitor.ts';

export const PROMPT = 'api-412 $';

export interface Visits {
  browser: Browser;
  site: Site;
  /** Opens the page and looks no further. It leaves when the test ends, and then complained of nothing. */
  open: (tail?: string, options?: typeof desktop) => Promise<Visitor>;
  /** Opens the page and waits for the prompt. */
  arrive: (tail?: string, options?: typeof desktop) => Promise<Visitor>;
  /** Leaves at the end as well. */
  remember: (visitor: Visitor) => void;
}

/** Once a file, or each describe has a browser of its own. What it gives is filled in before each test. */
export function useVisits(): Visits {
  let visitors: Visitor[] = [];
  const visits = { open, arrive, remember: (visitor) => void visitors.push(visitor) } as Visits;
  beforeAll(async () => void (visits.browser = await launchBrowser()));
  afterAll(() => visits.browser?.close());
  beforeEach(async () => {
    visits.site = await startSite();
    visitors = [];
  });
  afterEach(async () => {
    const complaints = visitors.flatMap((visitor) => visitor.complaints);
    await Promise.all(visitors.map((visitor) => visitor.leave()));
    await visits.site.close();
    expect(complaints, 'what the browser refused or the page threw').toEqual([]);
  });
  return visits;

  async function open(tail = '', options = desktop): Promise<Visitor> {
    const visitor = await visit(visits.browser, visits.site.page(tail), options);
    visitors.push(visitor);
    return visitor;
  }

  async function arrive(tail = '', options = desktop): Promise<Visitor> {
    const visitor = await open(tail, options);
    await visitor.isIn('Connected');
    await visitor.sees(PROMPT);
    return visitor;
  }
}
