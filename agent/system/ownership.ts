// Makes things a user's own, in folders where that user may put links and other things meanwhile: what is given away is
// the very thing that was looked at, never what a name leads to by then. Linux only. Knows no workspace.
import { constants } from 'node:fs';
import { chmod, chown, open, type FileHandle } from 'node:fs/promises';

export interface Owner {
  uid: number;
  gid: number;
}

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
/** Of Linux, and not among Node's: a handle for a thing itself, whatever it is. */
const O_PATH = 0o10000000;

/** 0700. Throws with ENOTDIR or ELOOP for what is no folder. The folder that it lies in may be the owner's already. */
export async function giveFolder(path: string, { uid, gid }: Owner): Promise<void> {
  const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await folder.chmod(0o700);
    await folder.chown(uid, gid);
  } finally {
    await folder.close();
  }
}

/** 0600, of a socket that this process just made. Throws if something else lies there by now. */
export async function giveSocket(path: string, { uid, gid }: Owner): Promise<void> {
  const socket = await open(path, O_PATH | O_NOFOLLOW);
  try {
    await refuseOther(socket);
    // The link in /proc leads to the open thing itself, and to no name.
    const itself = `/proc/self/fd/${socket.fd}`;
    await chmod(itself, 0o600);
    await chown(itself, uid, gid);
  } finally {
    await socket.close();
  }
}

async function refuseOther(socket: FileHandle): Promise<void> {
  const found = await socket.stat();
  const isOurs = found.isSocket() && found.uid === process.getuid?.() && found.nlink === 1;
  if (!isOurs) throw new Error('something else lies where the socket was made');
}
