// The provider for Hetzner, over a fake that refuses what Hetzner refuses.
import { afterEach, expect, test } from 'vitest';
import { createHetzner, type HetznerOptions } from '../../bot/providers/hetzner.ts';
import type { ServerOrder } from '../../bot/providers/provider.ts';
import { startFakeHetzner, type FakeHetzner, type FakeHetznerOptions } from '../fakes/hetzner/hetzner.ts';
import { describeProvider } from './contract.ts';

const EDGE = ['198.51.100.0/24', '2001:db8:ed9e::/48'];

const optionsFor = (fake: FakeHetzner, changes: Partial<HetznerOptions> = {}): HetznerOptions => ({
  token: fake.token,
  endpoint: fake.endpoint,
  installation: 'ours',
  timeoutMs: 5_000,
  locations: ['nbg1', 'fsn1', 'hel1'],
  bootData: ({ boot }: ServerOrder) => `#cloud-config\n# ${boot.bootstrapToken}\n`,
  openTo: async () => EDGE,
  ...changes,
});

const fakes: FakeHetzner[] = [];
afterEach(async () => {
  for (const fake of fakes.splice(0)) {
    await fake.close();
    expect(fake.complaints).toEqual([]);
    expect(fake.unsprung()).toEqual([]);
  }
});

async function aFake(options?: FakeHetznerOptions): Promise<FakeHetzner> {
  const fake = await startFakeHetzner(options);
  fakes.push(fake);
  return fake;
}

describeProvider('hetzner', async () => {
  const fake = await startFakeHetzner();
  return {
    provider: createHetzner(optionsFor(fake)),
    stranger: createHetzner(optionsFor(fake, { installation: 'theirs' })),
    async turnOff(server) {
      fake.turnOff(server);
    },
    secrets: [fake.token, 'canary-root-password'],
    async close() {
      await fake.close();
      expect(fake.complaints).toEqual([]);
    },
  };
});

test('x', async () => {
  await aFake();
});
