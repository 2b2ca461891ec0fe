// Before anything is concluded from what a provider does not show: that its account is the one where our machines are.
import { ProviderError } from '../errors.ts';
import type { Provider } from '../providers/provider.ts';
import * as store from './store.ts';
import type { Executor } from './store.ts';

/** What stands here was seen to be ours: a token's account stays the same. */
const proven = new WeakSet<Provider>();

/** Every node asks: a strange account is not looked at for each of them. */
const refused = new WeakMap<Provider, { about: string; error: ProviderError; until: number }>();
const REFUSED_MS = 60_000;

/** Asks once in the life of a provider, and only if machines are known. Throws ProviderError while the account is strange. */
export async function proveAccount({ db, provider }: { db: Executor; provider: Provider }): Promise<void> {
  if (!provider.proveAccount || proven.has(provider)) return;
  const names = await store.namesOfSeenNodes(db, provider.name);
  if (names.length === 0) return;
  const last = refused.get(provider);
  const about = names.join();
  if (last?.about === about && performance.now() < last.until) throw last.error;
  try {
    await provider.proveAccount(names);
  } catch (error) {
    if (error instanceof ProviderError && !error.retryable)
      refused.set(provider, { about, error, until: performance.now() + REFUSED_MS });
    throw error;
  }
  proven.add(provider);
}
