// Whose process is at the other end of a connection on loopback, as the kernel says it. Linux only; knows no workspace.
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** Columns of /proc/net/tcp. */
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

async function lookUp({ remotePort, localPort }: Socket): Promise<number | undefined> {
  if (remotePort === undefined || localPort === undefined) return undefined;
  const table = await readFile('/proc/net/tcp', 'utf8').catch(() => '');
  const wanted = { [LOCAL]: hex(remotePort), [REMOTE]: hex(localPort) };
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/);
    const isIt = Object.entries(wanted).every(([column, port]) => columns[Number(column)] === port);
    if (isIt) return Number(columns[UID]);
  }
  return undefined;
}

/** 127.0.0.1, as that table writes it. */
const hex = (port: number): string => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
