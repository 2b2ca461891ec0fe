// Before anything is concluded from what a provider does not show: that its account is the one where our machines are.
import { ProviderError } from '../errors.ts';
import type { Provider } from '../providers/provider.ts';
import * as store from './store.ts';
import type { Executor } from './store.ts';

/** Every node asks: a strange account is not looked at for each of them. */
const REFUSED_MS = 60_000;

/**
 * A function that throws ProviderError while the account is strange. It asks once in the life of a provider, and only if
 * machines are known: a token's account stays the same.
 */
export function createAccountProof({ db, provider }: { db: Executor; provider: Provider }) {
  let isProven = false;
  let refused: { about: string; error: ProviderError; until: number } | undefined;
  return async (): Promise<void> => {
    if (isProven) return;
    const names = await store.namesOfSeenNodes(db, provider.name);
    if (names.length === 0) return;
    const about = names.join();
    if (refused?.about === about && performance.now() < refused.until) throw refused.error;
    try {
      await provider.proveAccount(names);
    } catch (error) {
      if (error instanceof ProviderError && !error.retryable)
        refused = { about, error, until: performance.now() + REFUSED_MS };
      throw error;
    }
    isProven = true;
  };
}
