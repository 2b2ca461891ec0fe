// Names for rows. Random, lower case, safe in a host name; knows no database.
import { randomBytes } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** `length` random characters of lower-case base32; 5 bits each. */
export function randomBase32(length: number): string {
  return Array.from(randomBytes(length), (byte) => ALPHABET[byte & 31]).join('');
}

/** `ws-` + 12 characters: 60 random bits. */
export const newWorkspaceId = (): string => `ws-${randomBase32(12)}`;

/** `nd-` + 12 characters. The server and its host name are `vm-` and the same 12. */
export const newNodeId = (): string => `nd-${randomBase32(12)}`;

export const newUserId = (): string => `us-${randomBase32(12)}`;

export const newTokenId = (): string => `tk-${randomBase32(12)}`;

/** `tk-` + 12 characters: a task's. */
export const newTaskId = (): string => `tk-${randomBase32(12)}`;

/** `sh-` + 12 characters. */
export const newShareId = (): string => `sh-${randomBase32(12)}`;

/** `pp-` + 12 characters. */
export const newProposalId = (): string => `pp-${randomBase32(12)}`;

/** The unique name under which a provider knows the node. */
export const serverName = (nodeId: string): string => `vm-${nodeId.slice(3)}`;
