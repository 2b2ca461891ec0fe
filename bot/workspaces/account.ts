// Before anything is concluded from what a provider does not show: that its account is the one where our machines are.
import type { Provider } from '../providers/provider.ts';
import * as store from './store.ts';
import type { Executor } from './store.ts';

/** What stands here was seen to be ours: a token's account stays the same. */
const proven = new WeakSet<Provider>();

/** Asks once in the life of a provider, and only if machines are known. Throws ProviderError while the account is strange. */
export async function proveAccount({ db, provider }: { db: Executor; provider: Provider }): Promise<void> {
  if (!provider.proveAccount || proven.has(provider)) return;
  const names = await store.namesOfSeenNodes(db, provider.name);
  if (names.length === 0) return;
  await provider.proveAccount(names);
  proven.add(provider);
}
