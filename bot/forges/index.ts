// The table of forges: to add one, a folder beside this file and a line here. Knows no rows.
import type { Forge } from './forge.ts';
import type { GitHub } from './github/github.ts';

/** Where `owner/name` is when no forge is set up. */
export { PUBLIC_URL as usualUrl } from './github/config.ts';

/** Each forge takes the part that bears its name. */
export interface ForgeOptions {
  /** Undefined: there is no App at GitHub. */
  github: GitHub | undefined;
}

/** Undefined: it is not set up. */
export type ForgeEntry = (options: ForgeOptions) => Forge | undefined;

/** The first that is set up is the one that `owner/name` means. */
export const builtIn: readonly ForgeEntry[] = [({ github }) => github?.forge];

export const openForges = (table: readonly ForgeEntry[], options: ForgeOptions): Forge[] =>
  table.map((open) => open(options)).filter((forge) => forge !== undefined);
