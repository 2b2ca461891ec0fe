// What a person wants of the page, in every browser that they are signed in with: asked of the bot, and told it. Where nobody is signed in,
// or no network is there, what this browser keeps holds. Knows no terminal.
import type { PageSettings } from '../../agent/protocol.ts';
import {
  cleanSettings,
  hasFingers,
  noteTold,
  noteUntold,
  onSaid,
  readKept,
  readUntold,
  takeSettings,
  type Name,
  type Settings,
} from './settings.ts';

const PATH = '/api/page-settings';
const TIMEOUT_MS = 15_000;

/**
 * Call the returned function whenever the bot may be there: the first time it answers, what is said there holds here, but for what was said
 * here and never arrived, and `onTaken` is called. From then on it hears what somebody says here.
 */
export function createPersonSettings(onTaken: () => void): () => void {
  let isKnown = false;
  let asking: Promise<void> | undefined;
  let telling = Promise.resolve();
  const tell = () => void (telling = telling.then(tellBot));
  onSaid(() => isKnown && tell());
  const ask = async () => {
    const said = await send('GET');
    asking = undefined;
    if (said === undefined) return;
    isKnown = true;
    const theirs = cleanSettings(ofHere(said));
    const untold = new Set(readUntold());
    // What nobody has said there yet goes there too.
    const missing = (Object.keys(readKept()) as Name[]).filter((name) => !(name in theirs));
    if (missing.length > 0) noteUntold(missing);
    takeSettings(Object.fromEntries(Object.entries(theirs).filter(([name]) => !untold.has(name as Name))));
    onTaken();
    tell();
  };
  return () => {
    if (isKnown) tell();
    else asking ??= ask();
  };

  async function tellBot(): Promise<void> {
    const kept = readKept();
    const untold = readUntold();
    const settings = Object.fromEntries(untold.map((name) => [name, kept[name]])) as Partial<Settings>;
    if (untold.length > 0 && (await send('PATCH', ofThere(settings)))) noteTold(settings);
  }
}

/** A phone's text is of another size than a desk's. */
const SIZE_THERE = (): 'fontSize' | 'touchFontSize' => (hasFingers() ? 'touchFontSize' : 'fontSize');

function ofThere({ fontSize, ...others }: Partial<Settings>): PageSettings {
  return { ...others, ...(fontSize !== undefined && { [SIZE_THERE()]: fontSize }) };
}

function ofHere(said: PageSettings): Partial<Record<Name, unknown>> {
  const { fontSize: _desk, touchFontSize: _phone, ...others } = said;
  return { ...others, fontSize: said[SIZE_THERE()] };
}

/** Undefined: nobody is signed in here, nobody answers, or it is not taken. */
async function send(method: 'GET' | 'PATCH', settings?: PageSettings): Promise<PageSettings | undefined> {
  try {
    const response = await fetch(PATH, {
      method,
      ...(settings && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(settings),
      }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const said: unknown = response.ok ? await response.json() : undefined;
    return typeof said === 'object' && said !== null ? said : undefined;
  } catch {
    return undefined;
  }
}
