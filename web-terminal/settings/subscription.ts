// How this browser is reached while no page is open: what it, the person's wish and the bot say of it, brought together. Draws nothing.

export interface Wish {
  questions: boolean;
  commands: boolean;
}

/** What the bot knows of this browser. */
interface Known extends Wish {
  /** With which it subscribes; absent: nobody is told anything here. */
  key?: string;
  endpoint?: string;
}

const TIMEOUT_MS = 15_000;

/** What this browser lacks for it. */
export function whyNot(): string | undefined {
  if ('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window) return undefined;
  const isOnHomeScreen = (navigator as { standalone?: boolean }).standalone;
  return isOnHomeScreen === false
    ? 'This device can be told once the page is on its home screen (Share, Add to Home Screen).'
    : 'This browser cannot be told anything.';
}

/** What is on here; a sentence where nothing can be. */
export async function readOn(at: string): Promise<Wish | string> {
  const why = whyNot();
  if (why !== undefined) return why;
  const known = await read(at);
  if (known.key === undefined) return 'This Sam tells devices nothing.';
  const here = await findSubscription();
  if (here === undefined || here.endpoint !== known.endpoint) return { questions: false, commands: false };
  return known;
}

/** Resolves with what went wrong, or nothing. */
export async function keep(
  at: string,
  wish: Wish,
  asked: Promise<NotificationPermission> | undefined,
): Promise<string | undefined> {
  if (!asked) {
    const here = await findSubscription();
    const why = here && (await put(at, here, wish));
    if (why === undefined) await here?.unsubscribe();
    return why;
  }
  if ((await asked) !== 'granted')
    return 'This browser does not let the page tell you anything. Its own settings of this site say otherwise.';
  const { key } = await read(at);
  if (key === undefined) return 'This Sam tells devices nothing.';
  const here = await subscribe(key);
  return here ? put(at, here, wish) : 'This browser found no way to be told. Try again in a moment.';
}

/** After the browser got another address, or Sam another key, as if somebody had pressed again. True: something is on. */
export async function refresh(at: string): Promise<boolean> {
  const known = await read(at);
  if (known.key === undefined || known.endpoint === undefined) return false;
  const here = await subscribe(known.key);
  if (here && here.endpoint !== known.endpoint) await put(at, here, known);
  return here !== undefined;
}

async function findSubscription(): Promise<PushSubscription | undefined> {
  const registration = await navigator.serviceWorker.getRegistration('/w/');
  return (await registration?.pushManager.getSubscription()) ?? undefined;
}

/** With that key: one of another Sam, or of a key that is gone, reaches nobody. Undefined: the browser does not. */
async function subscribe(key: string): Promise<PushSubscription | undefined> {
  try {
    if (!(await navigator.serviceWorker.getRegistration('/w/'))) return undefined;
    const { pushManager } = await navigator.serviceWorker.ready;
    const here = await pushManager.getSubscription();
    if (here && keyOf(here) === key) return here;
    await here?.unsubscribe();
    return await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  } catch {
    return undefined;
  }
}

function keyOf({ options }: PushSubscription): string {
  const bytes = new Uint8Array(options.applicationServerKey ?? new ArrayBuffer(0));
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

async function put(
  at: string,
  here: PushSubscription,
  { questions, commands }: Wish,
): Promise<string | undefined> {
  const { endpoint, keys } = here.toJSON();
  const answer = await send(at, 'PUT', { endpoint, keys, questions, commands });
  if (answer.ok) return undefined;
  const { message } = (await answer.json().catch(() => ({}))) as { message?: unknown };
  return typeof message === 'string' ? message : `It was refused (${answer.status}).`;
}

async function read(at: string): Promise<Known> {
  const answer = await fetch(at, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`page: ${at} answered ${answer.status}`);
  return (await answer.json()) as Known;
}

export const send = (url: string, method: string, body: object, keepalive = false): Promise<Response> =>
  fetch(url, {
    method,
    keepalive,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
