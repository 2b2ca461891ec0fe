// What this browser keeps of how its person wants the page. A browser that keeps nothing has the defaults. Knows no terminal.

export interface Settings {
  /** px. */
  fontSize: number;
  /** What is selected goes to the clipboard at once. */
  copyOnSelect: boolean;
}

const STORED = 'sam.settings';
export const FONT_SIZES = { least: 9, most: 28 };

const defaults = (): Settings => ({
  fontSize: matchMedia('(pointer: coarse)').matches ? 13 : 14,
  copyOnSelect: false,
});

export function readSettings(): Settings {
  const settings = defaults();
  try {
    const kept = JSON.parse(localStorage.getItem(STORED) ?? '{}') as Partial<Settings> | null;
    const { least, most } = FONT_SIZES;
    const size = Math.round(Number(kept?.fontSize));
    if (size >= least && size <= most) settings.fontSize = size;
    if (typeof kept?.copyOnSelect === 'boolean') settings.copyOnSelect = kept.copyOnSelect;
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
