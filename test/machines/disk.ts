// Before any machine boots, and any container: the disks that all begin with. Their making takes minutes and is no part of a test's
// time.
import { findBase, findNoEngine, NO_BASE } from './engine.ts';
import { findObstacle, NO_DISK, prepareRootfs } from './rootfs.ts';

/** Where the mirror does not give them, nothing can boot, and the tests say so. */
export function setup(): void {
  if (!findObstacle()) attempt(NO_DISK, prepareRootfs);
  if (!findNoEngine()) attempt(NO_BASE, findBase);
}

function attempt(name: string, make: () => unknown): void {
  try {
    make();
  } catch (error) {
    process.env[name] =
      `its Debian could not be made (${error instanceof Error ? error.message : String(error)})`;
  }
}
