// Keeps the page's own files, whose names carry their hash, and the page that there is without a network. Never the page itself, never the
// API, nothing under /w/.

interface WorkerScope {
  addEventListener(
    type: 'install' | 'activate',
    listen: (event: { waitUntil: (work: Promise<unknown>) => void }) => void,
  ): void;
  addEventListener(
    type: 'fetch',
    listen: (event: { request: Request; respondWith: (answer: Promise<Response>) => void }) => void,
  ): void;
  skipWaiting(): Promise<void>;
}

/** Put in by the bundler: the paths of the shell, and a hash of them all. */
declare const SHELL: string[];
declare const SHELL_VERSION: string;
/** One of them: what there is without a network. */
declare const OFFLINE: string;

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

/** Nothing else goes: the network's own error is as good. */
async function showOffline(): Promise<Response> {
  return (await caches.match(OFFLINE)) ?? Response.error();
}

async function dropOthers(): Promise<void> {
  const others = (await caches.keys()).filter((key) => key.startsWith('sam-') && key !== name);
  await Promise.all(others.map((key) => caches.delete(key)));
}
