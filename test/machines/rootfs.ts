// The disks that machines begin with: Debian 13 from the mirror of this machine, built once (2 to 3 minutes) and kept in the
// cache; and a layer over it, with a mirror on the disk for what boot.py installs. Knows no machine.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findMissing } from '../needs.ts';

const RELEASE = 'trixie';
const PACKAGES =
  'systemd-sysv,dbus,cloud-init,openssh-server,iproute2,curl,ca-certificates,git,nftables,procps';
/** What boot.py installs, and what that needs. */
const MIRRORED = 'git openssh-client docker.io docker-cli docker-buildx docker-compose unattended-upgrades';
const PROGRAMS = ['systemd-nspawn', 'mmdebstrap', 'ip', 'nsenter', 'mount', 'umount', 'tar'];
const SOURCES = '/etc/apt/sources.list.d/debian.sources';

/** In the environment of the tests: why there is no disk. */
export const NO_DISK = 'SAM_TEST_NO_DISK';
/** The same for its mirror. */
export const NO_MIRROR = 'SAM_TEST_NO_MIRROR';

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
  return make('machine', `${RELEASE} ${PACKAGES}`, (making) => {
    const [archive, rootfs] = [join(making, 'rootfs.tar'), join(making, 'rootfs')];
    build(archive);
    mkdirSync(rootfs);
    execFileSync('tar', ['-xf', archive, '-C', rootfs]);
    return rootfs;
  });
}

/** A folder to lie over the other one: there `apt-get` finds packages without any network. Nobody may change it. */
export function prepareMirror(): string {
  const rootfs = prepareRootfs();
  return make('mirror', `${RELEASE} ${PACKAGES} ${MIRRORED} ${MIRROR_LINE}`, (making) => {
    console.log('fetching the packages that machines install, once: a minute …');
    const [layer, root, work] = ['layer', 'root', 'work'].map((name) => join(making, name));
    for (const folder of [layer, root, work]) mkdirSync(folder!);
    const layers = `lowerdir=${rootfs},upperdir=${layer},workdir=${work}`;
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers, root!]);
    try {
      cpSync('/etc/resolv.conf', join(root!, 'etc/resolv.conf'), { dereference: true });
      execFileSync('chroot', [root!, 'sh', '-euc', MIRROR_LINE, 'sh', ...MIRRORED.split(' ')], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      });
    } finally {
      execFileSync('umount', [root!]);
    }
    return layer!;
  });
}

const MIRROR_LINE = `export PATH=/usr/sbin:/usr/bin:/sbin:/bin
apt-get -q update
apt-get -q -y --no-install-recommends --download-only install "$@"
mkdir /srv/mirror
mv /var/cache/apt/archives/*.deb /srv/mirror
cd /srv/mirror
for file in *.deb; do
  dpkg-deb --field "$file"
  printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -c 1-64)"
done >Packages
echo 'deb [trusted=yes] file:/srv/mirror ./' >/etc/apt/sources.list
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /etc/resolv.conf`;

/** In the cache, as `what` and a hash; what is there by that name and another hash goes. `work` gives the folder that it made. */
function make(what: string, key: string, work: (making: string) => string): string {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sam');
  const folder = join(cache, `${what}-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  for (const old of readdirSync(cache).filter((name) => name.startsWith(`${what}-`)))
    rmSync(join(cache, old), { recursive: true, force: true });
  const making = mkdtempSync(join(cache, 'making-'));
  try {
    renameSync(work(making), folder);
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
