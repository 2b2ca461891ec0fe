// The table of providers: to add a cloud, a file beside this one and a line here. Knows no rows.
import { createLocal, type LocalOptions } from './local.ts';
import type { Provider } from './provider.ts';

/** Each provider takes what is common and the part that bears its name. */
export interface ProviderOptions {
  installation: string;
  /** How long one call may take. */
  timeoutMs: number;
  local: Omit<LocalOptions, 'installation' | 'timeoutMs'>;
}

const providers = {
  local: ({ local, ...common }) => createLocal({ ...common, ...local }),
} satisfies Record<string, (options: ProviderOptions) => Provider>;

export type ProviderName = keyof typeof providers;

export const isProviderName = (name: string): name is ProviderName => Object.hasOwn(providers, name);

export function createProvider(name: ProviderName, options: ProviderOptions): Provider {
  return providers[name](options);
}
