// A machine: systemd-nspawn over a Debian of its own, with cloud-init, in a network namespace that has nothing but loopback.
// What it may reach are the ports that the test forwards to it.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forward, socketAt } from './forward.ts';
import { prepareMirror, prepareRootfs } from './rootfs.ts';

export interface MachineOptions {
  /** `#cloud-config`. */
  userData: string;
  /** Of 127.0.0.1, the same number on both sides: those of the test that the machine reaches, */
  out: number[];
  /** and those of the machine that the test reaches, by `socket`. */
  into: number[];
  /** What boot.py installs is to be had there, and a container engine would run. */
  hasPackages?: boolean;
}

export interface Machine {
  /** Its file system, as it sees it. */
  root: string;
  /** Where a port of the machine is. */
  socket(port: number): string;
  /** Runs a shell's line inside, as root. */
  run(line: string): string;
  /** Power off, at once, and on again. */
  powerCycle(): Promise<void>;
  /** What it said while it booted. */
  console(): string;
  /** Leaves nothing. */
  remove(): Promise<void>;
}

export async function bootMachine(options: MachineOptions): Promise<Machine> {
  const { userData, out, into, hasPackages = false } = options;
  const lower = hasPackages ? `${prepareMirror()}:${prepareRootfs()}` : prepareRootfs();
  const name = `sam-${randomBytes(4).toString('hex')}`;
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const at = (path: string): string => join(folder, path);
  for (const path of ['up', 'work', 'root', 'sockets', ...(hasPackages ? ENGINE_FOLDERS : [])])
    mkdirSync(at(path));
  const root = at('root');
  sh(
    'mount',
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${lower},upperdir=${at('up')},workdir=${at('work')}`,
    root,
  );
  writeSeed(root, name, userData);
  if (hasPackages) openControlGroups(root);
  sh('ip', 'netns', 'add', name);
  sh('ip', '-n', name, 'link', 'set', 'lo', 'up');
  const servers: Server[] = [];
  for (const port of out) servers.push(await forward(socketAt(at('sockets'), 'out', port), port));
  const forwarder = await startForwarder(name, at('sockets'), out, into);
  // An overlay takes no second one: an engine's files lie beside it.
  const binds = hasPackages ? ENGINE_FOLDERS.map((one) => `--bind=${at(one)}:/var/lib/${one}`) : [];
  let nspawn = start(name, root, at('console'), binds);
  return {
    root,
    socket: (port) => socketAt(at('sockets'), 'in', port),
    run: (line) => runInside(nspawn, line),
    console: () => readFileSync(at('console'), 'utf8'),
    async powerCycle() {
      await powerOff(nspawn);
      nspawn = start(name, root, at('console'), binds);
    },
    async remove() {
      if (hasPackages) endContainers(nspawn);
      await powerOff(nspawn);
      forwarder.kill();
      for (const server of servers) server.close();
      sh('umount', root);
      sh('ip', 'netns', 'del', name);
      unmountNamespaces();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const NAMESPACES = '/run/netns';
const isOurs = !isMounted(NAMESPACES);

/** The first namespace that `ip` adds makes a mount, which stays when the last is gone. */
function unmountNamespaces(): void {
  if (isOurs && isMounted(NAMESPACES) && readdirSync(NAMESPACES).length === 0) sh('umount', NAMESPACES);
}

function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === path);
}

const sh = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** What a cloud would give to cloud-init. */
function writeSeed(root: string, name: string, userData: string): void {
  const seed = join(root, 'var/lib/cloud/seed/nocloud');
  mkdirSync(seed, { recursive: true });
  writeFileSync(join(seed, 'user-data'), userData);
  writeFileSync(join(seed, 'meta-data'), `instance-id: i-${name}\nlocal-hostname: ${name}\n`);
  const settings = join(root, 'etc/cloud/cloud.cfg.d');
  writeFileSync(join(settings, '99-net.cfg'), 'network: {config: disabled}\n');
  writeFileSync(join(settings, '99-test.cfg'), 'datasource_list: [ NoCloud ]\nlocale: false\n');
  rmSync(join(root, 'etc/resolv.conf'), { force: true });
}

/** Of an engine, below /var/lib. */
const ENGINE_FOLDERS = ['docker', 'containerd'];

/** With version 1 a machine of this kind may only look at its control groups; on a real one an engine makes its own. */
function openControlGroups(root: string): void {
  const folder = join(root, 'etc/systemd/system/docker.service.d');
  mkdirSync(folder, { recursive: true });
  const line =
    'mount -o remount,bind,rw /sys/fs/cgroup; for d in /sys/fs/cgroup/*/; do mount -o remount,bind,rw $$d; done; true';
  writeFileSync(join(folder, 'test.conf'), `[Service]\nExecStartPre=/bin/sh -c "${line}"\n`);
}

async function startForwarder(
  name: string,
  folder: string,
  out: number[],
  into: number[],
): Promise<ChildProcess> {
  const ways = [...out.map((port) => `out:${port}`), ...into.map((port) => `in:${port}`)];
  const program = [process.execPath, join(import.meta.dirname, 'forward.ts'), folder, ...ways];
  const child = spawn('nsenter', [`--net=/run/netns/${name}`, ...program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

function start(name: string, root: string, log: string, binds: string[]): ChildProcess {
  appendFileSync(log, '--- power on\n');
  const output = openSync(log, 'a');
  const args = [
    '--quiet',
    `--directory=${root}`,
    '--boot',
    '--register=no',
    '--keep-unit',
    `--network-namespace-path=/run/netns/${name}`,
    ...binds,
    `--machine=${name}`,
    '--capability=all',
    '--system-call-filter=@keyring bpf perf_event_open',
    'SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1',
  ];
  const env = { ...process.env, SYSTEMD_NSPAWN_API_VFS_WRITABLE: '1' };
  return spawn('systemd-nspawn', args, { env, stdio: ['ignore', output, output] });
}

/** The first process inside; its number outside. */
function initOf({ pid }: ChildProcess): string | undefined {
  try {
    return sh('pgrep', '-P', String(pid)).trim().split('\n')[0];
  } catch {
    return undefined;
  }
}

function runInside(nspawn: ChildProcess, line: string): string {
  const args = [
    '--target',
    initOf(nspawn) ?? '',
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--pid',
    '--',
    'sh',
    '-c',
    line,
  ];
  return sh('nsenter', ...args);
}

/** Their control groups would outlive the machine. */
function endContainers(nspawn: ChildProcess): void {
  try {
    runInside(nspawn, 'docker ps --all --quiet | xargs --no-run-if-empty docker rm --force');
  } catch {
    // It has no engine yet, or has been switched off.
  }
}

/** To the inside, not to nspawn: that would end alone. */
async function powerOff(nspawn: ChildProcess): Promise<void> {
  if (nspawn.exitCode !== null || nspawn.signalCode !== null) return;
  const ended = once(nspawn, 'exit');
  const init = initOf(nspawn);
  if (init !== undefined) process.kill(Number(init), 'SIGKILL');
  else nspawn.kill('SIGKILL');
  await ended;
}
