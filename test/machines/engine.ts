// A container engine of the test's own: dockerd in a network namespace that nothing leaves, with a Debian made from the
// mirror of this machine. Knows no agent.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMissing } from '../needs.ts';
import { eventually } from '../testers/watch.ts';

const SOURCES = '/etc/apt/sources.list.d/debian.sources';
const RELEASE = 'bookworm';
const PACKAGES = 'git,procps';
const PROGRAMS = ['docker', 'dockerd', 'docker-compose', 'mmdebstrap', 'ip', 'nsenter', 'unshare', 'umount'];

export const BASE = 'sam.test/base:1';
/** Made in a moment: a shell and its friends, root and a user `dev`. */
export const BUSYBOX = 'sam.test/busybox:1';

/** In the environment of the tests: why there is no Debian for containers. */
export const NO_BASE = 'SAM_TEST_NO_BASE';

/** Why no engine can run here; undefined: one can. */
export function findNoEngine(): string | undefined {
  const noBase = process.env[NO_BASE];
  if (noBase !== undefined) return noBase;
  if (process.getuid?.() !== 0) return 'this user is not root';
  if (!existsSync(SOURCES)) return 'this is no Debian';
  return findMissing(PROGRAMS, 'docker.io docker-compose mmdebstrap busybox-static iproute2');
}

export type TestEngine = Awaited<ReturnType<typeof startEngine>>;

/** `BUSYBOX` is in it, and `BASE` where it is asked for. */
export async function startEngine({ withDebian = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sam-engine-'));
  const host = `unix://${join(folder, 'engine.sock')}`;
  let daemon = await startDaemon(folder, host);
  const docker = (...args: string[]): string =>
    execFileSync('docker', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], DOCKER_HOST: host, HOME: folder, DOCKER_BUILDKIT: '0' },
    }).trim();
  const path = ['--change', 'ENV PATH=/usr/local/bin:/usr/bin:/bin', '--change', 'CMD ["/bin/sh"]'];
  if (withDebian) docker('import', ...path, findBase(), BASE);
  docker('import', ...path, makeBusybox(folder), BUSYBOX);
  return {
    host,
    docker,
    /** An image of this Dockerfile. */
    build: (name: string, file: string): void => {
      execFileSync('docker', ['build', '--tag', name, '-'], {
        input: file,
        stdio: ['pipe', 'ignore', 'pipe'],
        env: { PATH: process.env['PATH'], DOCKER_HOST: host, HOME: folder, DOCKER_BUILDKIT: '0' },
      });
    },
    /** For an agent: nothing that it starts gets out either. */
    env: { DOCKER_HOST: host, https_proxy: 'http://127.0.0.1:9', no_proxy: '127.0.0.1,localhost' },
    /** Starts a program beside the engine, where `localhost` is what the engine means by it. */
    spawnBeside: (file: string, args: string[]) =>
      spawn('nsenter', ['--net', '--target', String(initOf(daemon)), file, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    containers: (...filters: string[]) =>
      docker('ps', '--all', '--quiet', ...filters.flatMap((one) => ['--filter', one]))
        .split('\n')
        .filter(Boolean),
    /** As a power failure does it: with what it started to run containers, but not with these. */
    async kill() {
      const started = join(folder, 'exec/containerd/containerd.pid');
      process.kill(Number(readFileSync(started, 'utf8')), 'SIGKILL');
      await end(daemon, 'SIGKILL');
      // Where nobody buries it, it would count as one that runs.
      rmSync(started, { force: true });
    },
    async restart() {
      await end(daemon, 'SIGTERM');
      daemon = await startDaemon(folder, host);
    },
    async remove() {
      if (daemon.exitCode === null && daemon.signalCode === null) {
        const left = docker('ps', '--quiet').split('\n').filter(Boolean);
        if (left.length > 0) docker('kill', ...left);
      }
      await end(daemon, 'SIGTERM');
      unmountBelow(folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** In its own namespaces for the network and mounts: with it they end. */
const BEGIN =
  'ip link set lo up; mount --bind "$1/hosts" /etc/hosts; mount --bind "$1/none" /etc/resolv.conf; shift; exec "$@"';

async function startDaemon(folder: string, host: string): Promise<ChildProcess> {
  const at = (name: string): string => join(folder, name);
  execFileSync('sh', ['-c', 'echo "127.0.0.1 localhost" > "$1/hosts"; : > "$1/none"', 'sh', folder]);
  const log = openSync(at('log'), 'a');
  const options = [
    `--data-root=${at('data')}`,
    `--exec-root=${at('exec')}`,
    `--pidfile=${at('pid')}`,
    `--host=${host}`,
    '--storage-driver=overlay2',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-masq=false',
    '--ip-forward=false',
    '--bip=10.222.0.1/24',
  ];
  const daemon = spawn(
    'unshare',
    ['--net', '--mount', '--propagation', 'slave', 'sh', '-c', BEGIN, 'sh', folder, 'dockerd', ...options],
    { stdio: ['ignore', log, log] },
  );
  const isUp = () => {
    try {
      execFileSync('docker', ['--host', host, 'version'], { stdio: 'ignore' });
      return true;
    } catch {
      if (daemon.exitCode !== null)
        throw new Error(`dockerd ended: ${readFileSync(at('log'), 'utf8').slice(-2_000)}`);
      return false;
    }
  };
  await eventually(isUp, 'an answer of dockerd', 60_000);
  return daemon;
}

/** `unshare` and the shell became it. */
const initOf = ({ pid }: ChildProcess): number => pid ?? 0;

async function end(daemon: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, 'exit');
  daemon.kill(signal);
  await ended;
}

function unmountBelow(folder: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.toReversed()) execFileSync('umount', ['--lazy', path]);
}

/** An archive in the cache, made once: half a minute. */
export function findBase(): string {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sam');
  const key = createHash('sha256').update(`${RELEASE} ${PACKAGES}`).digest('hex').slice(0, 12);
  const archive = join(cache, `container-${key}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(cache, { recursive: true });
  console.log(`building a Debian ${RELEASE} for containers, once: half a minute …`);
  execFileSync(
    'mmdebstrap',
    ['--quiet', '--variant=minbase', `--include=${PACKAGES}`, RELEASE, `${archive}.part.tar`, SOURCES],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  renameSync(`${archive}.part.tar`, archive);
  return archive;
}

function makeBusybox(folder: string): string {
  const root = join(folder, 'busybox');
  for (const name of ['bin', 'etc', 'tmp', 'root', 'home/dev', 'usr/bin'])
    mkdirSync(join(root, name), { recursive: true });
  cpSync('/bin/busybox', join(root, 'bin/busybox'));
  const programs = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n');
  for (const name of programs)
    if (name && name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/home/dev:/bin/sh\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\ndev:x:1000:\n');
  writeFileSync(join(root, 'etc/os-release'), 'ID=busybox\n');
  const archive = join(folder, 'busybox.tar');
  execFileSync('tar', ['-C', root, '-cf', archive, '.']);
  rmSync(root, { recursive: true });
  return archive;
}
