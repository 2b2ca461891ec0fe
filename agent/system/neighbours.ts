// Closes what one workspace listens on to the users of the others on this machine: over loopback nothing else would tell them
// apart. By nftables, which knows a sender's user and a receiver's control group. Knows no session.
import { relative } from 'node:path';
import type { GroupPlace } from './groups.ts';
import { run } from './run.ts';
import { FIRST_UID, LAST_UID } from './users.ts';

/** Where `nft` looks for control groups. */
const MOUNT = '/sys/fs/cgroup';
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const TIMEOUT_MS = 10_000;

/** A workspace's user, and its control group. */
type Neighbour = GroupPlace & { uid: number };

/**
 * From here on no other workspace's user reaches what it listens on, by TCP or UDP, however the address is called. It
 * still reaches its own, and everybody what does not belong to a workspace: the agent, the name server. Its group is there.
 * Repeatable. Throws with what stands in the way.
 */
export async function closeToNeighbours(neighbour: Neighbour): Promise<void> {
  const { code, stderr, startError } = await run('nft', [rulesFor(neighbour)], {
    env: ENV,
    timeoutMs: TIMEOUT_MS,
  });
  if (code === 0) return;
  const why = startError === 'ENOENT' ? 'nftables is not installed' : stderr.trim().split('\n')[0];
  throw new Error(`nft: ${why || startError || 'no answer in time'}`);
}

/**
 * One transaction: nothing is open meanwhile. What a run before added stays, for the number of a group never comes again. A
 * packet on loopback forgets who sent it, so it carries the user's number as its mark.
 */
function rulesFor({ uid, all, own, depth }: Neighbour): string {
  const named = (folder: string) => `"${relative(MOUNT, folder)}"`;
  const table = 'inet sam_neighbours';
  return [
    `add table ${table}`,
    `add map ${table} users { type uid : mark; }`,
    `add set ${table} own { type cgroupsv2 . mark; }`,
    `add chain ${table} output { type filter hook output priority 0; policy accept; }`,
    `add chain ${table} input { type filter hook input priority 0; policy accept; }`,
    `add chain ${table} refuse`,
    ...['output', 'input', 'refuse'].map((chain) => `flush chain ${table} ${chain}`),
    `add rule ${table} output oifname "lo" meta mark set meta skuid map @users`,
    // Of TCP the first packet says all.
    `add rule ${table} input meta l4proto tcp tcp flags & (syn | ack) != syn accept`,
    `add rule ${table} input iifname "lo" meta mark ${FIRST_UID}-${LAST_UID} socket cgroupv2 level ${depth} ${named(all)} socket cgroupv2 level ${depth + 1} . meta mark != @own jump refuse`,
    `add rule ${table} refuse meta l4proto tcp reject with tcp reset`,
    `add rule ${table} refuse reject`,
    `add element ${table} users { ${uid} : ${uid} }`,
    `add element ${table} own { ${named(own)} . ${uid} }`,
  ].join('\n');
}
