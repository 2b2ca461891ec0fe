// What the table of providers promises: one entry more, and the bot can be told to take it. Nothing else knows its name.
import { expect, test } from 'vitest';
import { parseConfig } from '../../bot/config.ts';
import { providers } from '../../bot/providers/index.ts';
import type { ProviderEntry } from '../../bot/providers/provider.ts';
import { startSam } from '../sam.ts';
import { until } from '../until.ts';
import { createFakeProvider } from '../workspaces/fake-provider.ts';

/** Machines in memory, whose agents never call. */
function aPretendCloud() {
  const provider = createFakeProvider();
  const entry: ProviderEntry<{ region: string }> = {
    traits: { terminal: 'pipe', users: 'own', sharesHost: false, isBilled: true },
    label: 'Pretend',
    wayBack: 'Set PROVIDER=fake',
    isConfigured: () => false,
    readSettings: ({ read }) => ({ region: read('PRETEND_REGION', 'here', (text) => text, 'a region') }),
    describe: ({ region }) => `machines in ${region}`,
    architectures: () => [],
    open: async () => provider,
  };
  return { provider, table: { ...providers, fake: entry } };
}

test('a provider that is added can be chosen by its name, is configured by itself, and makes the machines', async () => {
  const { provider, table } = aPretendCloud();
  const env = { PROVIDER: 'fake', PRETEND_REGION: 'the-north', ALLOW_INSECURE_BASE_URL: 'true' };
  await using sam = await startSam({ env, providers: table });
  sam.place.repository('one');
  const upped = sam.begin('up ./one');
  await until(() => provider.servers.size === 1);
  const [{ labels } = { labels: undefined }] = [...provider.servers.values()];
  expect(labels).toMatchObject({ 'managed-by': 'sam' });
  expect(await sam.say('rm one --force')).toContain('deleted');
  await upped;
  await sam.bot.discardIdleNodes();
  await until(() => provider.servers.size === 0);
});

test('its rules hold for the start: what the table says of it is asked, not its name', () => {
  const { table } = aPretendCloud();
  const start = (env: Record<string, string>) => () =>
    parseConfig({ PROVIDER: 'fake', ...env }, '/srv', table);
  expect(start({})).toThrow('with machines at Pretend, that needs ALLOW_INSECURE_BASE_URL=true');
  expect(start({ BASE_URL: 'https://sam.example' })().machines).toEqual({
    provider: 'fake',
    settings: { region: 'here' },
  });
  expect(() => parseConfig({ PROVIDER: 'unheard' }, '/srv', table)).toThrow(
    'PROVIDER is `unheard`, not `hetzner`, `local`, or `fake`',
  );
});
