// What people leave with Sam: sealed when it comes, opened where it is used, forgotten when they say so. Knows no HTTP and no node.
import type { Executor } from '../../database/types.ts';
import { recordOwn } from '../store/audit.ts';
import { createVault, type Place, type Vault } from '../vault.ts';
import * as store from './credentials-store.ts';
import { KINDS, plainValue, PROVIDERS, recognise, shownOf, type Provider } from './kinds.ts';

/** What its owner may see of it. */
export type ShownCredential = Pick<store.CredentialRow, 'provider' | 'shown' | 'madeAt' | 'usedAt'>;

/** Why it was not taken. `wrong-field`: it is one of another kind. */
export type Unfit =
  | { code: 'wrong-field'; provider: Provider; looksLike: Provider }
  | { code: 'bad-value'; provider: Provider };

export interface Credentials {
  /** By provider, in the order of the table. */
  list(owner: string): Promise<ShownCredential[]>;
  keep(owner: string, provider: Provider, typed: string): Promise<ShownCredential | Unfit>;
  /** False: there was none. Nodes have forgotten it a moment later. */
  forget(owner: string, provider: Provider): Promise<boolean>;
  /** For a node that uses it at this moment. Undefined: there is none. Throws an UnreadableError for one that no key of the ring opens. */
  open(owner: string, provider: Provider): Promise<string | undefined>;
  /** What Claude Code goes with: a key before a plan. Who has left neither is not in it. */
  findClaude(owners: string[]): Promise<ReadonlyMap<string, 'key' | 'plan'>>;
  /** Where the dotfiles of each of them are; who has named none is not in it. */
  findDotfiles(owners: string[]): Promise<ReadonlyMap<string, string>>;
  /** Seals anew what an older key of the ring sealed. Gives those that no key of the ring opens. */
  reseal(): Promise<ShownCredential[]>;
}

const placeOf = (owner: string, provider: Provider): Place => ({
  table: 'credentials',
  column: 'ciphertext',
  rowId: store.idOf(owner, provider),
  tenant: owner,
});

/** `keys`: those of the vault, the new one first. Undefined: there is none, so nothing can be kept. */
export function createCredentials(db: Executor, keys: Buffer[]): Credentials | undefined {
  if (keys.length === 0) return undefined;
  const vault = createVault(keys);
  return {
    async list(owner) {
      const rows = await store.listRows(db, owner);
      return PROVIDERS.flatMap((provider) => rows.filter((row) => row.provider === provider).map(show));
    },
    async keep(owner, provider, typed) {
      const value = plainValue(typed);
      const unfit = findUnfit(provider, value);
      if (unfit) return unfit;
      const sealed = vault.seal(value, placeOf(owner, provider));
      return db.transaction(async (tx) => {
        const row = { owner, provider, shown: shownOf(provider, value), ...sealed };
        const kept = await store.putRow(tx, row);
        await store.tellNodes(tx, owner);
        await recordOwn(tx, owner, 'credential-set', provider);
        return show(kept);
      });
    },
    forget: (owner, provider) =>
      db.transaction(async (tx) => {
        const wasThere = await store.dropRow(tx, owner, provider);
        if (!wasThere) return false;
        await store.tellNodes(tx, owner);
        await recordOwn(tx, owner, 'credential-ended', provider);
        return true;
      }),
    async open(owner, provider) {
      const row = await store.findRow(db, owner, provider);
      if (!row) return undefined;
      const value = vault.open(row, placeOf(owner, provider));
      await store.noteUse(db, owner, provider);
      return value;
    },
    async findClaude(owners) {
      const found = await store.listKinds(db, owners, 'anthropic', 'claude');
      const plans = found.filter(({ provider }) => provider === 'claude');
      const keys = found.filter(({ provider }) => provider === 'anthropic');
      return new Map([
        ...plans.map(({ owner }) => [owner, 'plan'] as const),
        ...keys.map(({ owner }) => [owner, 'key'] as const),
      ]);
    },
    findDotfiles: (owners) => store.listShown(db, owners, 'dotfiles'),
    reseal: () => reseal(db, vault),
  };
}

const show = ({ provider, shown, madeAt, usedAt }: store.CredentialRow): ShownCredential => ({
  provider,
  shown,
  madeAt,
  usedAt,
});

function findUnfit(provider: Provider, value: string): Unfit | undefined {
  if (KINDS[provider].shape.test(value)) return undefined;
  const looksLike = recognise(value);
  return looksLike ? { code: 'wrong-field', provider, looksLike } : { code: 'bad-value', provider };
}

async function reseal(db: Executor, vault: Vault): Promise<ShownCredential[]> {
  const unreadable: ShownCredential[] = [];
  for (const row of await store.listRows(db)) {
    try {
      const next = vault.reseal(row, placeOf(row.owner, row.provider));
      if (next) await store.resealRow(db, row, next);
    } catch {
      unreadable.push(show(row));
    }
  }
  return unreadable;
}
