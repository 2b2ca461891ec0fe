// What the worker does with a message, in a real browser: as its push service would, the debugger delivers it.
import { describe, expect, test } from 'vitest';
import type { CDPSession } from 'playwright-core';
import { browserMissing } from '../../browser.ts';
import { PATIENCE_MS } from '../../until.ts';
import { WORKSPACE } from '../site.ts';
import { eventually, type Visitor } from '../visitor.ts';
import { useVisits } from '../visits.ts';

describe.skipIf(browserMissing)('a device that is told of something', { timeout: 120_000 }, () => {
  const visits = useVisits();

  const MESSAGE = {
    title: 'api-412 asks',
    body: 'A coding agent waits.',
    tag: 't1',
    path: `/w/${WORKSPACE}`,
  };
  const shown = ({ page }: Visitor) =>
    page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration('/w/');
      const all = (await registration?.getNotifications()) ?? [];
      return all.map(({ title, body, tag, data }) => ({ title, body, tag, data: data as unknown }));
    });

  test('shows a message once, not while its page is in sight, and opens that page when it is pressed', async () => {
    const ann = await visits.arrive();
    const context = ann.page.context();
    await context.grantPermissions(['notifications']);
    await ann.page.evaluate(async () => void (await navigator.serviceWorker.ready));
    const elsewhere = await context.newPage();
    await elsewhere.goto(`${new URL(visits.site.page()).origin}/assets/service-worker.js`);
    await ann.page.bringToFront();
    const deliver = await findWorker(await context.newCDPSession(elsewhere), visits.site.page());
    const tags = async (visitor: Visitor) => (await shown(visitor)).map(({ tag }) => tag).toSorted();
    const other = { ...MESSAGE, path: '/w/ws-another23456' };
    // Until the worker is known to whoever delivers, messages are lost.
    await eventually(async () => {
      await deliver({ ...other, tag: 't2' });
      return tags(ann);
    }).toEqual(['t2']);
    // What comes behind it says that it was there.
    for (const tag of ['t3', 't4', 't5']) {
      await deliver(MESSAGE);
      await eventually(async () => {
        await deliver({ ...other, tag });
        return tags(ann);
      }).toContain(tag);
    }
    expect(await tags(ann)).toEqual(['t2', 't3', 't4', 't5']);
    await ann.page.close();
    const ben = { ...ann, page: elsewhere };
    await deliver(MESSAGE);
    await deliver(MESSAGE);
    await eventually(() => tags(ben)).toContain('t1');
    const [first] = (await shown(ben)).filter(({ tag }) => tag === 't1');
    expect(first).toEqual({
      title: MESSAGE.title,
      body: MESSAGE.body,
      tag: 't1',
      data: { path: MESSAGE.path },
    });
    expect(await press(ben, 't1')).toEqual([MESSAGE.path]);
    await eventually(() => tags(ben)).not.toContain('t1');
  });

  /** What it opens: a browser opens pages for a hand alone. */
  async function press({ page }: Visitor, tag: string): Promise<string[]> {
    const [worker] = page.context().serviceWorkers();
    return worker!.evaluate(async (wanted) => {
      const scope = globalThis as unknown as {
        clients: { openWindow: (path: string) => Promise<unknown> };
        registration: ServiceWorkerRegistration;
        NotificationEvent: new (type: string, init: object) => Event;
      };
      const opened: string[] = [];
      scope.clients.openWindow = async (path) => opened.push(path);
      const all = await scope.registration.getNotifications({ tag: wanted });
      dispatchEvent(new scope.NotificationEvent('notificationclick', { notification: all[0] }));
      while (opened.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      return opened;
    }, tag);
  }
});

/** Delivers as the browser's push service would. */
async function findWorker(cdp: CDPSession, page: string): Promise<(message: object) => Promise<unknown>> {
  const found = new Promise<string>((resolve, reject) => {
    setTimeout(() => reject(new Error('no worker')), PATIENCE_MS).unref();
    cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const one = registrations.find(({ scopeURL }) => page.startsWith(scopeURL));
      if (one) resolve(one.registrationId);
    });
  });
  await cdp.send('ServiceWorker.enable');
  const registrationId = await found;
  const { origin } = new URL(page);
  return (message) =>
    cdp.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data: JSON.stringify(message) });
}
