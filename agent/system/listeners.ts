// Who listens on TCP, as the kernel's tables say it, and which processes hold that. Linux only; knows no workspace.
import { readdir, readFile, readlink } from 'node:fs/promises';

export interface Listener {
  port: number;
  /** Where it is reached from this machine. */
  address: string;
  uid: number;
  /** The socket's own number, as long as it lives. */
  inode: string;
}

/** Columns of the kernel's tables of connections. */
const [LOCAL, STATE, UID, INODE] = [1, 3, 7, 9];
const LISTENING = '0A';

/** `net`: the folder of a network namespace's tables. Undefined: this system has none. Those of IPv4 come first. */
export async function readListeners(net = '/proc/self/net'): Promise<Listener[] | undefined> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`${net}/${name}`, 'latin1').catch(() => undefined)),
  );
  if (tables.every((table) => table === undefined)) return undefined;
  return tables.flatMap((table = '') => parseListeners(table));
}

export function parseListeners(table: string): Listener[] {
  return table.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [address = '', port = ''] = (columns[LOCAL] ?? '').split(':');
    if (columns[STATE] !== LISTENING) return [];
    return [
      {
        port: Number.parseInt(port, 16),
        address: readAddress(address),
        uid: Number(columns[UID]),
        inode: columns[INODE] ?? '',
      },
    ];
  });
}

const ANY_TO_OWN: Record<string, string> = { '0.0.0.0': '127.0.0.1', '0:0:0:0:0:0:0:0': '::1' };

/** The tables write each 32 bits as this machine has them: the last byte first. */
function readAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return own(bytes.map((byte) => Number.parseInt(byte, 16)).join('.'));
  const groups = Array.from({ length: 8 }, (_, at) => `${bytes[2 * at]}${bytes[2 * at + 1]}`);
  const isMapped = groups.slice(0, 6).join('') === `${'0000'.repeat(5)}FFFF`;
  if (isMapped)
    return own(
      bytes
        .slice(12)
        .map((byte) => Number.parseInt(byte, 16))
        .join('.'),
    );
  return own(groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':'));
}

const own = (address: string): string => ANY_TO_OWN[address] ?? address;

/** The numbers of all sockets that these processes hold; nothing of those that are gone, or not ours to look at. */
export async function findSockets(pids: number[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const pid of pids) {
    const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const fd of fds) {
      const [, inode] =
        /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) ?? [];
      if (inode !== undefined) found.add(inode);
    }
  }
  return found;
}
