// Whose process is at the other end of a connection on loopback, as the kernel says it. Linux only; knows no workspace.
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** Columns of the kernel's tables of connections. */
const LOCAL = 1;
const REMOTE = 2;
const UID = 7;

/** A connection is its maker's for its whole life. */
const known = new WeakMap<Socket, Promise<number | undefined>>();

/** Undefined: it is gone, or nobody knows. */
export function findPeer(socket: Socket): Promise<number | undefined> {
  const found = known.get(socket) ?? lookUp(socket);
  known.set(socket, found);
  return found;
}

/** How the tables write 127.0.0.1; the second one has what came by a socket of IPv6. */
const TABLES = { '/proc/net/tcp': '0100007F', '/proc/net/tcp6': '0000000000000000FFFF00000100007F' };
/** Another address of this machine may have the same port, and be somebody else's. */
const HERE = new Set(['127.0.0.1', '::ffff:127.0.0.1']);

async function lookUp({ remoteAddress, remotePort, localPort }: Socket): Promise<number | undefined> {
  if (!HERE.has(remoteAddress ?? '') || remotePort === undefined || localPort === undefined) return undefined;
  for (const [file, address] of Object.entries(TABLES)) {
    const table = await readFile(file, 'utf8').catch(() => '');
    const uid = findUid(table, `${address}:${hex(remotePort)}`, `${address}:${hex(localPort)}`);
    if (uid !== undefined) return uid;
  }
  return undefined;
}

function findUid(table: string, local: string, remote: string): number | undefined {
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (columns[LOCAL] === local && columns[REMOTE] === remote) return Number(columns[UID]);
  }
  return undefined;
}

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
