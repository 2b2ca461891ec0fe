// The contract of a provider: something that makes and removes the servers that nodes run on. Knows no rows.
//
// Who calls: the reconciler and the sweep, nobody else; never inside a transaction, one call at a time per node.
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

export interface Provider {
  /** `local`, `hetzner`: also in the rows of its nodes. */
  name: string;
  create(order: ServerOrder): Promise<Server>;
  find(name: string): Promise<Server | undefined>;
  /** Everything of this installation, deleted-in-progress included. */
  list(): Promise<Server[]>;
  /**
   * Throws (not retryable) if the account shows no trace of this installation, neither its servers nor what they share:
   * then absence there says nothing about `names`, which were seen once. Absent: there is one account only.
   */
  proveAccount?(names: string[]): Promise<void>;
  /** Powers on a server that is off. */
  start(server: Server): Promise<void>;
  remove(server: Server): Promise<void>;
  /** Brings what all servers share up to date: who may reach them. Repeatable; for the sweep. */
  refreshFirewall?(): Promise<void>;
  /** Servers beside ours that could be ours: for people to see. Absent: there are never any. */
  listStrangers?(): Promise<Stranger[]>;
  /** Because a person said so. Removes the one with this id if it still has this name, whatever its labels say. */
  removeStranger?(stranger: Pick<Stranger, 'id' | 'name'>): Promise<void>;
  /** Because a person said so. Gives it our labels. */
  adopt?(stranger: Pick<Stranger, 'id' | 'name'>, order: Pick<ServerOrder, 'node' | 'owner'>): Promise<void>;
  /** What servers cost; absent: nothing. */
  prices?(): Promise<Prices>;
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
export interface Stranger {
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
