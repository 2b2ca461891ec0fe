// Before any machine boots: the disk that all begin with. Its making takes minutes and is no part of a test's time.
import { findObstacle, NO_DISK, prepareRootfs } from './rootfs.ts';

/** Where the mirror does not give it, no machine can boot, and the tests say so. */
export function setup(): void {
  if (findObstacle()) return;
  try {
    prepareRootfs();
  } catch (error) {
    process.env[NO_DISK] =
      `its Debian could not be made (${error instanceof Error ? error.message : String(error)})`;
  }
}
