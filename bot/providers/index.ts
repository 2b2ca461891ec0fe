// The table of providers: to add a cloud, a folder beside this file and a line here. Knows no rows.
import type { Reader } from '../environment.ts';
import { hetzner } from './hetzner/entry.ts';
import { local } from './local/entry.ts';
import type { ProviderEntry, ProviderTable, Traits } from './provider.ts';

/** Where nobody named one it is the first that is configured; the last needs nothing. */
export const providers: ProviderTable = { hetzner, local };

/** Plain data: the name of a provider, and what its own reader made of the environment. */
export interface ProviderChoice {
  provider: string;
  settings: unknown;
}

/** What is missing or bad is added to the reader's problems. */
export function readProvider(reader: Reader, table: ProviderTable): ProviderChoice {
  const names = Object.keys(table);
  const provider = reader.read(
    'PROVIDER',
    names.find((name) => entryOf(table, name).isConfigured(reader)) ?? '',
    (value) => names.find((name) => name === value),
    new Intl.ListFormat('en', { type: 'disjunction' }).format(names.map((name) => `\`${name}\``)),
  );
  // Also those of the others: a mistake in them waits for whoever changes the provider.
  const settings = names.map((name) => entryOf(table, name).readSettings(reader, name === provider));
  return { provider, settings: settings[names.indexOf(provider)] };
}

/** Of a provider that was chosen. */
export function entryOf(table: ProviderTable, name: string): ProviderEntry {
  const entry = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!entry) throw new Error(`there is no provider ${name}`);
  return entry;
}

/** Rows may name a provider that is in the table no more: its nodes are strange machines somewhere. */
const UNKNOWN: Traits = { terminal: 'tls', users: 'per-workspace', sharesHost: false, isBilled: true };

export type TraitsOf = (provider: string) => Traits;

export const traitsIn =
  (table: ProviderTable): TraitsOf =>
  (name) =>
    Object.hasOwn(table, name) ? entryOf(table, name).traits : UNKNOWN;
