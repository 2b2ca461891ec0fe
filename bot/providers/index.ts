// The table of providers: to add a cloud, a file beside this one and a line here. Knows no rows.
import { createHetzner, type HetznerOptions } from './hetzner.ts';
import { createLocal, type LocalOptions } from './local.ts';
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

const providers = {
  local: ({ local, installation, timeoutMs }) => createLocal({ installation, timeoutMs, ...local }),
  hetzner({ hetzner, installation, timeoutMs }) {
    if (!hetzner) throw new Error('hetzner was chosen without its part of the configuration');
    return createHetzner({ installation, timeoutMs, ...hetzner });
  },
} satisfies Record<string, (options: ProviderOptions) => Provider>;

export type ProviderName = keyof typeof providers;

export const isProviderName = (name: string): name is ProviderName => Object.hasOwn(providers, name);

export function createProvider(name: ProviderName, options: ProviderOptions): Provider {
  return providers[name](options);
}
