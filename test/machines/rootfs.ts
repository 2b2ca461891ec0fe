// The disk that machines begin with: Debian 13 from the mirror of this machine, built once (2 to 3 minutes) and kept in the
// cache. Knows no machine.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findMissing } from '../needs.ts';

const RELEASE = 'trixie';
const PACKAGES =
  'systemd-sysv,dbus,cloud-init,openssh-server,iproute2,curl,ca-certificates,git,nftables,procps';
const PROGRAMS = ['systemd-nspawn', 'mmdebstrap', 'ip', 'nsenter', 'mount', 'umount', 'tar'];
const SOURCES = '/etc/apt/sources.list.d/debian.sources';

/** In the environment of the tests: why there is no disk. */
export const NO_DISK = 'SAM_TEST_NO_DISK';

/** Why no machine can boot here; undefined: one can. */
export function findObstacle(): string | undefined {
  const noDisk = process.env[NO_DISK];
  if (noDisk !== undefined) return noDisk;
  if (process.getuid?.() !== 0) return 'this user is not root';
  if (!existsSync(SOURCES)) return 'this is no Debian';
  const missing = findMissing(PROGRAMS, 'systemd-container mmdebstrap iproute2');
  if (missing !== undefined) return missing;
  return mayMount() ? undefined : 'this root may not make a network namespace and an overlay';
}

/** A root in a container may not be one. All of it is gone with the program. */
function mayMount(): boolean {
  const line =
    'mount -t tmpfs none /mnt && mkdir /mnt/a /mnt/b /mnt/c /mnt/d && ' +
    'mount -t overlay overlay -o lowerdir=/mnt/a,upperdir=/mnt/b,workdir=/mnt/c /mnt/d';
  try {
    execFileSync('unshare', ['--mount', '--net', 'sh', '-c', line], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A folder with the whole file system; nobody may change it. */
export function prepareRootfs(): string {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sam');
  const key = createHash('sha256').update(`${RELEASE} ${PACKAGES}`).digest('hex').slice(0, 12);
  const folder = join(cache, `machine-${key}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  for (const old of readdirSync(cache).filter((name) => name.startsWith('machine-')))
    rmSync(join(cache, old), { recursive: true, force: true });
  const making = mkdtempSync(join(cache, 'making-'));
  try {
    build(join(making, 'rootfs.tar'));
    mkdirSync(join(making, 'rootfs'));
    execFileSync('tar', ['-xf', join(making, 'rootfs.tar'), '-C', join(making, 'rootfs')]);
    renameSync(join(making, 'rootfs'), folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}

function build(archive: string): void {
  const [, mirror] = /^URIs:\s*(\S+)/m.exec(readFileSync(SOURCES, 'utf8')) ?? [];
  console.log(`building a Debian ${RELEASE} for machines, once: two or three minutes …`);
  const source = `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${RELEASE} main`;
  execFileSync('mmdebstrap', ['--variant=minbase', `--include=${PACKAGES}`, RELEASE, archive, source], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
