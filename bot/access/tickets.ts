// Tickets: the right to attach to one workspace's terminals, once, within a minute. The agent checks and spends them.
import { randomUUID } from 'node:crypto';
import type { Keys } from './keys.ts';

export const TICKET_LIFE_SECONDS = 60;

export interface TicketFor {
  /** Its id. */
  workspace: string;
  user: string;
  /** The workspace's `access` now; the agent takes no lower one than it was told of. */
  access: number;
  /** Whether the viewer may type, open and close, or only look. */
  drive: boolean;
}

/** A JWT, `sam-ticket+jwt`, for the audience `workspace:<id>`. */
export const issueTicket = (keys: Keys, { workspace, user, access, drive }: TicketFor): Promise<string> =>
  keys.sign(
    'sam-ticket+jwt',
    { aud: `workspace:${workspace}`, sub: user, access, drive, jti: randomUUID() },
    TICKET_LIFE_SECONDS,
  );
