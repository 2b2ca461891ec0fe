// The contract of a provider: something that makes and removes the servers that nodes run on. Knows no rows.
//
// Who calls: the reconciler and the sweeps, nobody else; never inside a transaction, one call at a time per node.
//
// - A server's name is ours, unique at the provider, chosen before the call. `create` with a name that exists
//   throws (retryable): the next pass finds the server by its name and goes on from there. So a create may be
//   repeated after any failure, and at most one server comes of it.
// - A create that throws may have worked. Only a look (`find`) tells, and "absent" is believed only after a quiet
//   period longer than the provider's own time-out.
// - `find` asks the outside world each time. `undefined` means: the provider said there is no such server. Not
//   being able to ask is an error, never `undefined`.
// - Only servers that carry all of our labels are ours. `list` gives those of this installation and nothing else;
//   `find`, `remove` and `start` refuse any other (not retryable): a name that somebody else has is neither ours nor
//   free. What counts is what the provider shows, not only what the caller hands in.
// - `remove` and `start` mean the server with this `id`: one that got its name later is left alone.
// - `start` of what runs changes nothing; of what is gone it throws (retryable: the next look knows better). It
//   brings no bootstrap token: what the machine got with the create must do.
// - `remove` may return before the server is gone: the caller looks until `find` says so. Removing what is gone
//   is not an error. It takes everything with it that is billed or that runs.
// - Every call ends within the time-out that the provider was made with. Errors are ProviderError, without
//   secrets in message or cause; `retryable` says whether the same call may work later.
import type { Size } from '../database/types.ts';
import type { Reader } from '../environment.ts';
import type { Network } from './boot/network.ts';

export interface Provider {
  /** As in the table of providers: also in the rows of its nodes. */
  name: string;
  create(order: ServerOrder): Promise<Server>;
  find(name: string): Promise<Server | undefined>;
  /** Everything of this installation, deleted-in-progress included. */
  list(): Promise<Server[]>;
  /**
   * Throws (not retryable) if the account shows no trace of this installation, neither its servers nor what they share:
   * then absence there says nothing about `names`, which were seen once.
   */
  proveAccount(names: string[]): Promise<void>;
  /** Powers on a server that is off. */
  start(server: Server): Promise<void>;
  remove(server: Server): Promise<void>;
  /** What keeps that up to date which all servers share; each is a sweep of its own. */
  housekeeping: readonly Chore[];
  unmanaged: Unmanaged;
  /** What servers cost; without `nodes`: nothing. */
  prices(): Promise<Prices>;
}

/** Repeatable. */
export interface Chore {
  name: string;
  everyMs: number;
  run(): Promise<void>;
}

/** Servers beside ours that could be ours. Nothing happens to them but by a person's word. */
export interface Unmanaged {
  list(): Promise<UnmanagedServer[]>;
  /** Removes the one with this id if it still has this name, whatever its labels say. */
  remove(server: Pick<UnmanagedServer, 'id' | 'name'>): Promise<void>;
  /** Gives it our labels. */
  adopt(
    server: Pick<UnmanagedServer, 'id' | 'name'>,
    order: Pick<ServerOrder, 'node' | 'owner'>,
  ): Promise<void>;
}

async function nothingBeside(): Promise<void> {
  throw new Error('this provider has no servers but its own.');
}

/** For a provider that has one account only, shares nothing among its servers, and costs nothing. */
export const WITHOUT_ACCOUNT = {
  proveAccount: async () => {},
  housekeeping: [],
  unmanaged: {
    list: async () => [],
    remove: nothingBeside,
    adopt: nothingBeside,
  },
  prices: async () => ({ currency: 'EUR', vatRate: 0, nodes: [] }),
} satisfies Partial<Provider>;

/** What the other parts have to know of a provider's nodes; by the name in their rows, without making the provider. */
export interface Traits {
  /**
   * Where browsers find a node's terminals: `tls`: at a name of its own, which takes a DNS; `pipe`: on a loopback port of
   * the bot's own machine, through the bot.
   */
  terminal: 'tls' | 'pipe';
  /** Whether each workspace on a node has a user of its own, or all are the agent's. */
  users: 'per-workspace' | 'own';
  /** Its nodes run beside the bot, as the bot's user: whoever has a workspace there can read the bot's keys. */
  sharesHost: boolean;
  /** Somebody pays for its servers for as long as they are there. */
  isBilled: boolean;
}

/** A line of the table: a provider that can be chosen. `Settings` is what its own reader made of the environment. */
export interface ProviderEntry<Settings = unknown> {
  traits: Traits;
  /** As people call the place of its machines. */
  label: string;
  /** How to choose it again; a command to whoever starts the bot. */
  wayBack: string;
  /** Whether it is meant where nobody named a provider. */
  isConfigured(reader: Reader): boolean;
  /** What is bad is added to the reader's problems; what is missing too, if it `isChosen`. */
  readSettings(reader: Reader, isChosen: boolean): Settings;
  /** Half a line for the banner of the start. */
  describe(settings: Settings): string;
  /** For which machines an agent must have been built; none: they run the one of this folder. */
  architectures(settings: Settings): ('x64' | 'arm64')[];
  /** Loads what it needs only now: a cloud's SDK costs the start of everybody else nothing. */
  open(settings: Settings, surroundings: Surroundings): Promise<Provider>;
}

/** By name. */
export type ProviderTable = Readonly<Record<string, ProviderEntry>>;

/** What the bot gives to whichever provider was chosen. */
export interface Surroundings {
  installation: string;
  /** How long one call may take. */
  timeoutMs: number;
  /** The bot's address. */
  url: string;
  /** Absolute. */
  dataDir: string;
  /** The agent of this folder: absolute, with its arguments. */
  agentCommand: string[];
  /** The bot's own environment. */
  env: NodeJS.ProcessEnv;
  /** How machines elsewhere get out, and whom they trust. */
  network: Network;
  /** The networks that browsers come from. Bounded in time, never throws, never empty. */
  edgeNetworks: () => Promise<string[]>;
}

export interface Prices {
  /** `EUR`. */
  currency: string;
  /** Per cent, to be added. */
  vatRate: number;
  /** By size and location, where it can be had; net, with the IPv4 address that a node has. */
  nodes: { size: Size; serverType: string; location: string; perHour: number; perMonth: number }[];
}

export interface ServerOrder {
  name: string;
  size: Size;
  node: string;
  owner: string;
  /** What the machine needs to call us, and nothing more. */
  boot: { url: string; node: string; bootstrapToken: string };
}

export interface Server {
  /** The provider's own. */
  id: string;
  name: string;
  status: 'starting' | 'running' | 'off' | 'removing';
  createdAt: Date;
  labels: Labels;
  /** Where the machine answers; absent for a local one, which is reached through the bot. */
  address?: string;
}

/** What carries a part of our labels, another installation's, or a name like ours. */
export interface UnmanagedServer {
  id: string;
  name: string;
  /** Half a sentence for people. */
  why: string;
  createdAt: Date;
  address?: string | undefined;
}

/** On every server from its create on; all of them must match before anything of ours touches it. */
export interface Labels {
  'managed-by': 'sam';
  'sam-installation': string;
  'sam-node': string;
  'sam-owner': string;
}

export function labelsFor(installation: string, order: Pick<ServerOrder, 'node' | 'owner'>): Labels {
  return {
    'managed-by': 'sam',
    'sam-installation': installation,
    'sam-node': order.node,
    'sam-owner': order.owner,
  };
}
