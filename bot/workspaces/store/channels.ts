// The repository that a channel's people mean when they name none, in Postgres. Knows no vendor.
import { and, eq } from 'drizzle-orm';
import type { Executor } from '../../database/executor.ts';
import { channels, type FrontName } from '../../database/schema.ts';

export interface ChannelDefault {
  front: FrontName;
  channel: string;
  /** `owner/name`. */
  repository: string;
  ref: string | null;
}

/** The newest word holds. */
export async function setDefault(tx: Executor, wanted: ChannelDefault & { setBy: string }): Promise<void> {
  const { repository, ref, setBy } = wanted;
  await tx
    .insert(channels)
    .values(wanted)
    .onConflictDoUpdate({ target: [channels.front, channels.channel], set: { repository, ref, setBy } });
}

export async function findDefault(
  db: Executor,
  front: FrontName,
  channel: string,
): Promise<ChannelDefault | undefined> {
  const [found] = await db
    .select()
    .from(channels)
    .where(and(eq(channels.front, front), eq(channels.channel, channel)));
  return found;
}
