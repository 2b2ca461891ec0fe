// A project at a fake Hetzner, new for each test that asks for one; the test fails of what the fake complains about.
import { afterEach, expect } from 'vitest';
import { createHetzner, type Hetzner, type HetznerOptions } from '../../bot/providers/hetzner/hetzner.ts';
import type { ServerOrder } from '../../bot/providers/provider.ts';
import { startFakeHetzner, type FakeHetzner, type FakeHetznerOptions } from '../fakes/hetzner/hetzner.ts';
import type { Fault } from '../fakes/server.ts';

export const EDGE = ['198.51.100.0/24', '2001:db8:ed9e::/48'];

export const optionsFor = (fake: FakeHetzner, changes: Partial<HetznerOptions> = {}): HetznerOptions => ({
  token: fake.token,
  endpoint: fake.endpoint,
  installation: 'ours',
  timeoutMs: 5_000,
  locations: ['nbg1', 'fsn1', 'hel1'],
  bootData: ({ boot }: ServerOrder) => `#cloud-config\n# ${boot.bootstrapToken}\n`,
  openTo: async () => EDGE,
  ...changes,
});

export const fakes: FakeHetzner[] = [];
afterEach(async () => {
  for (const fake of fakes.splice(0)) {
    await fake.close();
    expect(fake.complaints).toEqual([]);
    expect(fake.unsprung()).toEqual([]);
  }
});

interface Project {
  fake: FakeHetzner;
  provider: Hetzner;
  open: (changes: Partial<HetznerOptions>) => Hetzner;
}

export async function aProject(
  settings: FakeHetznerOptions = {},
  changes: Partial<HetznerOptions> = {},
): Promise<Project> {
  const fake = await startFakeHetzner(settings);
  fakes.push(fake);
  const open = (more: Partial<HetznerOptions>) => createHetzner(optionsFor(fake, { ...changes, ...more }));
  return { fake, open, provider: open({}) };
}

export const posts = (fake: FakeHetzner, path = '/v1/servers') =>
  fake.seen.filter((one) => one.method === 'POST' && one.path === path);

export const refusal = (
  status: number,
  code: string,
  message = 'no',
  headers: Record<string, string> = {},
): Fault => ({
  status,
  body: { error: { code, message, details: null } },
  headers,
});

/** A clock that only moves when it is told to, or when somebody waits on it. */
export function aClock(start = 1_000) {
  const waits: number[] = [];
  const clock = {
    time: start,
    waits,
    now: () => clock.time,
    async wait(ms: number) {
      waits.push(ms);
      clock.time += ms;
    },
  };
  return clock;
}

interface ReplyBody {
  error?: { code: string };
  action?: { id: number };
  servers: { public_net: { ipv4: unknown } }[];
}

export async function ask(
  fake: FakeHetzner,
  method: string,
  path: string,
  body?: object,
  token = fake.token,
) {
  const response = await fetch(`${fake.endpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as ReplyBody };
}

export const shownBy = async (fake: FakeHetzner, path: string): Promise<ReplyBody> =>
  (await ask(fake, 'GET', path)).body;
