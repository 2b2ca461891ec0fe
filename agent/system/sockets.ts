// Listens, and connects, at a unix socket in a folder, whatever lies there and however long its path is. Knows not what is said.
import { chmod, open, rm, type FileHandle } from 'node:fs/promises';
import { connect, type Server, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { giveSocket } from './ownership.ts';

/** What fits into the address of a socket everywhere. */
const MAX_ADDRESS_BYTES = 100;

/** By its folder, which is open, where its path is too long. */
function addressOf(socket: string, folder: FileHandle): string {
  const isShort = Buffer.byteLength(socket) <= MAX_ADDRESS_BYTES || process.platform !== 'linux';
  return isShort ? socket : join(`/proc/self/fd/${folder.fd}`, basename(socket));
}

/**
 * The socket is its folder's owner's alone, or `isShared`: of whoever gets into the folder. The folder is there. What a dead process
 * left goes; the socket goes when the server is closed.
 */
export async function listenAt(server: Server, socket: string, { isShared = false } = {}): Promise<void> {
  await rm(socket, { force: true });
  const folder = await open(dirname(socket));
  try {
    const address = addressOf(socket, folder);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(address, resolve);
    await promise;
    server.off('error', reject).on('error', () => {});
    // Until then its name leads through the folder.
    server.once('close', () => void folder.close());
    const owner = await folder.stat();
    if (isShared) await chmod(address, 0o666);
    else if (owner.uid === process.getuid?.()) await chmod(address, 0o600);
    else await giveSocket(socket, owner);
  } catch (error) {
    if (server.listening) server.close();
    else await folder.close();
    throw error;
  }
}

const READ_BYTES = 128 << 10;

/** Resolves when it is connected; rejects where nobody listens. `onBytes` must copy before it returns. */
export async function connectTo(socket: string, onBytes: (bytes: Buffer) => void): Promise<Socket> {
  const folder = await open(dirname(socket));
  try {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const path = addressOf(socket, folder);
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (length: number) => {
      onBytes(buffer.subarray(0, length));
      return true;
    };
    const connected = connect({ path, onread: { buffer, callback } }, resolve);
    connected.on('error', reject); // stays: what breaks later ends with its 'close'
    await promise;
    return connected;
  } finally {
    await folder.close();
  }
}
