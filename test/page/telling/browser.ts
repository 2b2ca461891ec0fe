// A browser whose push service is pretended, since a headless one has none, and what the bot hears of it. Tests nothing.
import type { Route } from 'playwright-core';
import type { Visitor } from '../visitor.ts';
import type { Visits } from '../visits.ts';

export const KEY = `B${'A'.repeat(86)}`;
export const ENDPOINT = 'https://push.example.com/1';

/** What the bot was told, and knows by then. */
export interface Bot {
  known: Record<string, unknown>;
  said: { method: string; path: string; body: unknown }[];
  refuse?: { status: number; message: string };
}

async function answer(bot: Bot, route: Route): Promise<void> {
  const request = route.request();
  const path = new URL(request.url()).pathname.split('/push')[1]!;
  if (request.method() === 'GET') return route.fulfill({ json: bot.known });
  const body = request.postDataJSON() as Record<string, unknown>;
  bot.said.push({ method: request.method(), path, body });
  if (bot.refuse) return route.fulfill({ status: bot.refuse.status, json: { message: bot.refuse.message } });
  if (path === '') bot.known = { ...bot.known, ...body };
  return route.fulfill({ json: {} });
}

/** A browser whose push service is pretended, at a page whose bot is. */
export async function arrive(visits: Visits, permission: 'granted' | 'denied', bot: Bot): Promise<Visitor> {
  const ann = await visits.arrive();
  const context = ann.page.context();
  if (permission === 'granted') await context.grantPermissions(['notifications']);
  await context.route('**/push', (route) => answer(bot, route));
  await context.route('**/push/look', (route) => answer(bot, route));
  // Of a push service there is nothing here.
  await context.addInitScript(pretend, ENDPOINT);
  await ann.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await ann.page.reload();
  await ann.isIn('Connected');
  return ann;
}

/** In the page. What was subscribed with is kept, as a browser does. */
function pretend(endpoint: string): void {
  const asked = { count: 0 };
  Object.assign(globalThis, { asked });
  const ask = Notification.requestPermission.bind(Notification);
  Notification.requestPermission = () => (asked.count++, ask());
  const made = (key: string | undefined) => ({
    endpoint,
    options: {
      applicationServerKey: Uint8Array.from(
        atob((key ?? '').replaceAll('-', '+').replaceAll('_', '/')),
        (c) => c.charCodeAt(0),
      ).buffer,
    },
    toJSON: () => ({ endpoint, keys: { p256dh: 'p', auth: 'a' } }),
    unsubscribe: async () => (localStorage.removeItem('subscribed'), true),
  });
  PushManager.prototype.subscribe = async (options) => {
    const { userVisibleOnly, applicationServerKey: key } = options ?? {};
    if (userVisibleOnly !== true || typeof key !== 'string') throw new Error('every message must be seen');
    localStorage.setItem('subscribed', key);
    return made(key) as unknown as PushSubscription;
  };
  PushManager.prototype.getSubscription = async () => {
    const key = localStorage.getItem('subscribed');
    return key === null ? null : (made(key) as unknown as PushSubscription);
  };
}
