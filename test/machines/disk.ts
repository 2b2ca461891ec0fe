// Before any machine boots, and any container: the disks that all begin with. Their making takes minutes and is no part of a test's
// time.
import { findBase, findNoEngine, NO_BASE } from './engine.ts';
import { findObstacle, NO_DISK, NO_MIRROR, prepareMirror, prepareRootfs } from './rootfs.ts';

/** Where the mirror does not give them, nothing can boot, and the tests say so. */
export function setup(): void {
  if (!findObstacle()) attempt(NO_DISK, prepareRootfs);
  if (!findObstacle()) attempt(NO_MIRROR, prepareMirror);
  // Also for machines that run an engine of their own.
  if (!findNoEngine() || !findObstacle()) attempt(NO_BASE, findBase);
}

function attempt(name: string, make: () => unknown): void {
  try {
    make();
  } catch (error) {
    process.env[name] =
      `its Debian could not be made (${error instanceof Error ? error.message : String(error)})`;
  }
}
