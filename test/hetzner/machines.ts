// What happens behind the servers of a fake Hetzner: each that is switched on runs a real agent, told by its user-data alone.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { findFreePort } from '../free-port.ts';
import { isAlive, pidsThatMention } from '../providers/local-place.ts';
import type { FakeMachine } from '../fakes/hetzner/project.ts';

const AGENT = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

export interface Machines {
  /** For the fake's `onChange`. */
  change(what: 'created' | 'on' | 'off' | 'deleted', machine: FakeMachine): void;
  /** The settings of each machine that was ever switched on, by server name. */
  settings: Map<string, Record<string, string>>;
  /** Where the edge finds port 443 of a server. */
  doorOf(name: string): { host: string; port: number } | { path: string };
  /** Machines that boot without an agent: the token is all that they have. */
  mute: boolean;
  /** Of servers whose agent runs. */
  running(): string[];
  stop(): Promise<void>;
}

/** Their disks are below `root`. */
export function createMachines(root: string): Machines {
  const agents = new Map<string, ChildProcess>();
  const isOn = new Set<string>();
  const settings: Machines['settings'] = new Map();
  const ports = new Map<string, number>();
  const ending = new Set<Promise<void>>();
  /** With the power everything goes, also what outlives an agent. */
  const kill = (name: string): void => {
    isOn.delete(name);
    agents.get(name)?.kill('SIGKILL');
    agents.delete(name);
    const end = endAll(join(root, name)).finally(() => ending.delete(end));
    ending.add(end);
  };
  const machines: Machines = {
    settings,
    doorOf: (name) => ({ host: '127.0.0.1', port: ports.get(name) ?? 0 }),
    mute: false,
    change(what, machine) {
      const { name } = machine;
      const disk = join(root, name);
      if (what === 'on') {
        settings.set(name, settingsIn(machine.userData));
        if (machines.mute || isOn.has(name)) return;
        isOn.add(name);
        mkdirSync(disk, { recursive: true });
        void findFreePort().then((port) => {
          if (!isOn.has(name)) return;
          ports.set(name, port);
          agents.set(name, startAgent(disk, settings.get(name) ?? {}, port));
        });
      }
      if (what === 'off' || what === 'deleted') kill(name);
      if (what === 'deleted') rmSync(disk, { recursive: true, force: true });
    },
    running: () => [...agents.keys()],
    async stop() {
      isOn.clear();
      const ends = [...agents.values()].map((agent) => once(agent, 'exit'));
      for (const name of agents.keys()) kill(name);
      await Promise.all([...ends, ...ending]);
    },
  };
  return machines;
}

async function endAll(disk: string): Promise<void> {
  for (const pid of await pidsThatMention(`${disk}/`)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

interface CloudConfig {
  write_files: { path: string; content: string }[];
}

/** What cloud-init would write for the agent's unit. */
export function settingsIn(userData: string): Record<string, string> {
  const config = parse(userData) as CloudConfig;
  const file = config.write_files.find(({ path }) => path === '/etc/sam/agent.env');
  const lines = (file?.content ?? '').trimEnd().split('\n');
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** Not as root, and on a port that nobody else has: the machine's own users and its 443 are left to test/machines. */
function startAgent(disk: string, settings: Record<string, string>, port: number): ChildProcess {
  const terminal = { SAM_TERMINAL_HOST: '127.0.0.1', SAM_TERMINAL_PORT: String(port), SAM_USERS: 'own' };
  return spawn(process.execPath, [AGENT], {
    cwd: disk,
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      HOME: disk,
      LANG: 'C.UTF-8',
      ...settings,
      ...terminal,
      SAM_DIR: join(disk, 'sam'),
    },
  });
}
