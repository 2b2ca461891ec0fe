// What somebody, a repository, a channel or the whole installation may have at most: the one check that commands of every front and
// the reconciler ask. Pure: what each may have and has in, the first maximum that stands in the way out.
import type { Exceeded, LimitKind } from '../codes.ts';
import type { Size } from '../database/types.ts';

export const LIMIT_KINDS = [
  'workspaces',
  'machines',
  'size',
  'hours',
  'tasks',
] as const satisfies readonly LimitKind[];

/** `installation`: all of it, by the configuration alone. */
export type Holder = Exceeded['holder'];

/** One of those whose limits count. */
export interface LimitAccount {
  holder: Holder;
  /** As a command calls it: `@bob`, `acme/api`, `here`; empty: the installation. */
  called: string;
  /** Absent: no maximum. Of a size its rank. */
  most: Partial<Record<LimitKind, number>>;
  /** Hours: those of its machines this month. Tasks: prompts in the last hour. */
  has: Partial<Record<LimitKind, number>>;
}

/** What would come to it. `size`: its rank; `hours`: any number says that a machine would run. */
export type Wish = Partial<Record<LimitKind, number>>;

export const RANKS: Record<Size, number> = { small: 1, medium: 2, large: 3 };

/** The first that would be passed; undefined: all of it may be. */
export function findExceeded(accounts: readonly LimitAccount[], wish: Wish): Exceeded | undefined {
  for (const kind of LIMIT_KINDS) {
    const wanted = wish[kind];
    if (wanted === undefined) continue;
    for (const { holder, called, most: all, has: used } of accounts) {
      const most = all[kind];
      const has = used[kind] ?? 0;
      if (most !== undefined && isOver(kind, { most, has, wanted }))
        return { holder, called, kind, most, has };
    }
  }
  return undefined;
}

function isOver(
  kind: LimitKind,
  { most, has, wanted }: { most: number; has: number; wanted: number },
): boolean {
  if (kind === 'size') return wanted > most;
  // Of what runs by the hour nobody knows how long it will.
  return kind === 'hours' ? has >= most : has + wanted > most;
}

/** What the configuration says; 0: no maximum. */
export interface LimitDefaults {
  workspacesPerUser: number;
  nodesPerUser: number;
  /** Of the installation. */
  nodes: number;
  /** Of a person; a repository twice that. */
  asksPerHour: number;
}

/** What holds where nobody has said anything else. */
export function defaultsOf(
  holder: Holder,
  { workspacesPerUser, nodesPerUser, nodes, asksPerHour }: LimitDefaults,
): LimitAccount['most'] {
  switch (holder) {
    case 'person':
      return without0({ workspaces: workspacesPerUser, machines: nodesPerUser, tasks: asksPerHour });
    case 'repository':
      return without0({ tasks: 2 * asksPerHour });
    case 'installation':
      return without0({ machines: nodes });
    case 'channel':
      return {};
    default:
      return holder satisfies never;
  }
}

const without0 = (most: LimitAccount['most']): LimitAccount['most'] =>
  Object.fromEntries(Object.entries(most).filter(([, count]) => count > 0));
