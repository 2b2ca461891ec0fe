// What this browser keeps of how its person wants the page. A browser that keeps nothing has the defaults. Knows no terminal.
import { BELLS, FONT_SIZES, type Bell } from '../../agent/protocol.ts';

export interface Settings {
  /** px. */
  fontSize: number;
  /** What is selected goes to the clipboard at once. */
  copyOnSelect: boolean;
  bell: Bell;
  /** Asks before more than a megabyte is pasted. */
  askLargePaste: boolean;
  /** The page has keys of its own. */
  shortcuts: boolean;
}

export type Name = keyof Settings;

const STORED = 'sam.settings';
/** The names of what was said here and nowhere else yet. */
const UNTOLD = 'sam.settings.untold';
/** Where versions before kept that the page's keys are off. */
const SHORTCUTS_BEFORE = 'sam.shortcuts';

export const hasFingers = (): boolean => matchMedia('(pointer: coarse)').matches;

const defaults = (): Settings => ({
  fontSize: hasFingers() ? 13 : 14,
  copyOnSelect: false,
  bell: 'mark',
  askLargePaste: true,
  shortcuts: true,
});

export const readSettings = (): Settings => ({ ...defaults(), ...readKept() });

/** What somebody has said, of what this browser keeps. */
export function readKept(): Partial<Settings> {
  const kept = readStored(STORED) as Partial<Settings> | null;
  const isOffAsBefore = readText(SHORTCUTS_BEFORE) === 'off';
  return { ...(isOffAsBefore && { shortcuts: false }), ...cleanSettings(kept ?? {}) };
}

/** Without what is none of them. */
export function cleanSettings(said: Partial<Record<Name, unknown>>): Partial<Settings> {
  const settings: Partial<Settings> = {};
  const { least, most } = FONT_SIZES;
  const size = Math.round(Number(said.fontSize));
  if (size >= least && size <= most) settings.fontSize = size;
  const bell = BELLS.find((one) => one === said.bell);
  if (bell !== undefined) settings.bell = bell;
  for (const name of ['copyOnSelect', 'askLargePaste', 'shortcuts'] as const)
    if (typeof said[name] === 'boolean') settings[name] = said[name];
  return settings;
}

let tell = (): void => {};

/** From now on called whenever somebody has said something else here. */
export const onSaid = (listener: () => void): void => void (tell = listener);

export function keepSettings(changed: Partial<Settings>): void {
  store(STORED, { ...readKept(), ...changed });
  noteUntold(Object.keys(changed) as Name[]);
  tell();
}

/** What this browser keeps of these is to be said elsewhere. */
export function noteUntold(names: Name[]): void {
  store(UNTOLD, [...new Set([...readUntold(), ...names])]);
}

/** As it was said elsewhere. */
export function takeSettings(settings: Partial<Settings>): void {
  if (Object.keys(settings).length > 0) store(STORED, { ...readKept(), ...settings });
}

/** What was said here and nowhere else yet. */
export function readUntold(): Name[] {
  const names = readStored(UNTOLD);
  return Array.isArray(names)
    ? (Object.keys(defaults()) as Name[]).filter((name) => names.includes(name))
    : [];
}

/** It is known elsewhere now, unless somebody has said something else meanwhile. */
export function noteTold(told: Partial<Settings>): void {
  const kept = readKept();
  const names = readUntold();
  const left = names.filter((name) => !(name in told) || told[name] !== kept[name]);
  if (left.length < names.length) store(UNTOLD, left);
}

/** Keeps the size that is `by` px larger, within bounds; 0: what it is when nobody has said. Returns it. */
export function stepFontSize(by: number): number {
  const { least, most } = FONT_SIZES;
  const wanted = by === 0 ? defaults().fontSize : readSettings().fontSize + by;
  const fontSize = Math.min(most, Math.max(least, wanted));
  keepSettings({ fontSize });
  return fontSize;
}

function store(name: string, value: object): void {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Then it holds for nobody: private windows of some browsers keep nothing.
  }
}

/** Null: nothing is kept, or somebody else wrote it. */
function readStored(name: string): unknown {
  try {
    return JSON.parse(readText(name) ?? 'null');
  } catch {
    return null;
  }
}

function readText(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
