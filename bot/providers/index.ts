// The table of providers: to add a cloud, a file beside this one and a line here. Knows no rows.
import type { HetznerOptions } from './hetzner/hetzner.ts';
import type { LocalOptions } from './local/local.ts';
import type { Provider } from './provider.ts';

/** Each provider takes what is common and the part that bears its name. */
export interface ProviderOptions {
  installation: string;
  /** How long one call may take. */
  timeoutMs: number;
  local: Omit<LocalOptions, 'installation' | 'timeoutMs'>;
  /** Absent if there is no account at Hetzner. */
  hetzner?: Omit<HetznerOptions, 'installation' | 'timeoutMs'>;
}

/** Loaded when they are chosen: a cloud's SDK costs the start of everybody else nothing. */
const providers = {
  async local({ local, installation, timeoutMs }) {
    const { createLocal } = await import('./local/local.ts');
    return createLocal({ installation, timeoutMs, ...local });
  },
  async hetzner({ hetzner, installation, timeoutMs }) {
    if (!hetzner) throw new Error('hetzner was chosen without its part of the configuration');
    const { createHetzner } = await import('./hetzner/hetzner.ts');
    return createHetzner({ installation, timeoutMs, ...hetzner });
  },
} satisfies Record<string, (options: ProviderOptions) => Promise<Provider>>;

export type ProviderName = keyof typeof providers;

export const isProviderName = (name: string): name is ProviderName => Object.hasOwn(providers, name);

export function createProvider(name: ProviderName, options: ProviderOptions): Promise<Provider> {
  return providers[name](options);
}
