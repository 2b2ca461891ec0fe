// What this browser keeps of how its person wants the page. A browser that keeps nothing has the defaults. Knows no terminal.

/** What a bell does: `mark` the tab, ring out loud as well, or nothing. */
export const BELLS = ['mark', 'sound', 'off'] as const;
export type Bell = (typeof BELLS)[number];

export interface Settings {
  /** px. */
  fontSize: number;
  /** What is selected goes to the clipboard at once. */
  copyOnSelect: boolean;
  bell: Bell;
  /** Asks before more than a megabyte is pasted. */
  askLargePaste: boolean;
}

const STORED = 'sam.settings';
export const FONT_SIZES = { least: 9, most: 28 };

const defaults = (): Settings => ({
  fontSize: matchMedia('(pointer: coarse)').matches ? 13 : 14,
  copyOnSelect: false,
  bell: 'mark',
  askLargePaste: true,
});

export function readSettings(): Settings {
  const settings = defaults();
  try {
    const kept = JSON.parse(localStorage.getItem(STORED) ?? '{}') as Partial<Settings> | null;
    const { least, most } = FONT_SIZES;
    const size = Math.round(Number(kept?.fontSize));
    if (size >= least && size <= most) settings.fontSize = size;
    const bell = BELLS.find((one) => one === kept?.bell);
    if (bell !== undefined) settings.bell = bell;
    for (const name of ['copyOnSelect', 'askLargePaste'] as const)
      if (typeof kept?.[name] === 'boolean') settings[name] = kept[name];
  } catch {
    // Nothing is kept, or somebody else wrote it.
  }
  return settings;
}

export function keepSettings(changed: Partial<Settings>): void {
  try {
    localStorage.setItem(STORED, JSON.stringify({ ...readSettings(), ...changed }));
  } catch {
    // Then it holds for nobody: private windows of some browsers keep nothing.
  }
}

/** Keeps the size that is `by` px larger, within bounds; 0: what it is when nobody has said. Returns it. */
export function stepFontSize(by: number): number {
  const { least, most } = FONT_SIZES;
  const wanted = by === 0 ? defaults().fontSize : readSettings().fontSize + by;
  const fontSize = Math.min(most, Math.max(least, wanted));
  keepSettings({ fontSize });
  return fontSize;
}
