// Keeps the page's own files, whose names carry their hash, and the page that there is without a network. Never the page itself, never the
// API, nothing under /w/. Shows what the bot tells this device while nobody looks.

interface Message {
  title: string;
  body: string;
  /** Two with the same one are one. */
  tag: string;
  /** The page of the workspace that it is about. */
  path: string;
}

interface Client {
  url: string;
  visibilityState: DocumentVisibilityState;
  focus(): Promise<unknown>;
}

interface WorkerScope {
  addEventListener(
    type: 'install' | 'activate',
    listen: (event: { waitUntil: (work: Promise<unknown>) => void }) => void,
  ): void;
  addEventListener(
    type: 'fetch',
    listen: (event: { request: Request; respondWith: (answer: Promise<Response>) => void }) => void,
  ): void;
  addEventListener(
    type: 'push',
    listen: (event: {
      data: { json(): unknown } | null;
      waitUntil: (work: Promise<unknown>) => void;
    }) => void,
  ): void;
  addEventListener(
    type: 'notificationclick',
    listen: (event: { notification: Notification; waitUntil: (work: Promise<unknown>) => void }) => void,
  ): void;
  skipWaiting(): Promise<void>;
  clients: {
    matchAll(which: { type: 'window'; includeUncontrolled: boolean }): Promise<Client[]>;
    openWindow(path: string): Promise<unknown>;
  };
  registration: { showNotification(title: string, how: NotificationOptions): Promise<void> };
}

/** Put in by the bundler: the paths of the shell, and a hash of them all. */
declare const SHELL: string[];
declare const SHELL_VERSION: string;
/** One of them: what there is without a network. */
declare const OFFLINE: string;
declare const ICON: string;

const worker = globalThis as unknown as WorkerScope;
const name = `sam-${SHELL_VERSION}`;

worker.addEventListener('install', (event) => {
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(SHELL)));
  void worker.skipWaiting();
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(dropOthers());
});

worker.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.mode === 'navigate' && url.origin === location.origin && url.pathname.startsWith('/w/'))
    return event.respondWith(fetch(event.request).catch(showOffline));
  if (event.request.method !== 'GET' || url.origin !== location.origin || !SHELL.includes(url.pathname))
    return;
  event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
});

worker.addEventListener('push', (event) => {
  event.waitUntil(tell((event.data?.json() ?? {}) as Partial<Message>));
});

worker.addEventListener('notificationclick', (event) => {
  const { path } = event.notification.data as Message;
  event.notification.close();
  event.waitUntil(openPage(path));
});

/** What somebody sees they need not be told; the bot may not have known. */
async function tell({ title = 'Sam', body = '', tag = '', path = '' }: Partial<Message>): Promise<void> {
  const pages = await findPages(path);
  if (pages.some(({ visibilityState }) => visibilityState === 'visible')) return;
  await worker.registration.showNotification(title, { body, tag, icon: ICON, data: { path } });
}

async function openPage(path: string): Promise<void> {
  const [page] = await findPages(path);
  if (page) await page.focus();
  else if (path.startsWith('/w/')) await worker.clients.openWindow(path);
}

async function findPages(path: string): Promise<Client[]> {
  const all = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  return all.filter(({ url }) => new URL(url).pathname === path);
}

/** Nothing else goes: the network's own error is as good. */
async function showOffline(): Promise<Response> {
  return (await caches.match(OFFLINE)) ?? Response.error();
}

async function dropOthers(): Promise<void> {
  const others = (await caches.keys()).filter((key) => key.startsWith('sam-') && key !== name);
  await Promise.all(others.map((key) => caches.delete(key)));
}
