// What is configured is what Hetzner and Cloudflare are told.
import pino from 'pino';
import { expect, test } from 'vitest';
import { openClouds as openBotsClouds } from '../../bot/clouds.ts';
import { parseConfig } from '../../bot/config.ts';
import { providers } from '../../bot/providers/index.ts';
import { anOrder } from '../providers/contract.ts';
import { openClouds } from './scene.ts';

const log = pino({ level: 'silent' });

test('architecture, sizes, image and locations reach the order, and the edge alone reaches the machine', async () => {
  await using clouds = await openClouds();
  const { hetzner, cloudflare, place } = clouds;
  const env = {
    ...place.env,
    ...clouds.env,
    HCLOUD_ARCH: 'arm64',
    HCLOUD_SIZES: 'large=cax21',
    HCLOUD_IMAGE: 'ubuntu-24.04',
    HCLOUD_LOCATIONS: 'hel1,fsn1',
  };
  const config = parseConfig(env, place.cwd);
  const { provider, dns, nodeOrigins } = await openBotsClouds({
    config,
    providers,
    env,
    installation: 'ours',
    log,
  });
  await provider.create(anOrder({ size: 'small' }));
  await provider.create(anOrder({ size: 'large' }));
  expect(hetzner.servers()).toMatchObject([
    { serverType: 'cax11', image: 'ubuntu-24.04', location: 'hel1' },
    { serverType: 'cax21' },
  ]);
  const { ipv4_cidrs: v4, ipv6_cidrs: v6 } = cloudflare.networks;
  expect(hetzner.firewalls()).toMatchObject([
    { rules: [{ port: '443', source_ips: [...v4, ...v6].toSorted() }] },
  ]);
  expect(dns?.domain).toBe('nodes.sam.example');
  expect(nodeOrigins).toEqual(['wss://*.nodes.sam.example']);
});

test('no machine gets anything of what the bot was told, but for its address', async () => {
  await using clouds = await openClouds();
  const { hetzner, place } = clouds;
  const env: NodeJS.ProcessEnv = { ...place.env, ...clouds.env };
  const config = parseConfig(env, place.cwd);
  const { provider } = await openBotsClouds({ config, providers, env, installation: 'ours', log });
  const order = anOrder();
  await provider.create({ ...order, boot: { ...order.boot, bootstrapToken: 'the-one-time-token-of-it' } });
  const [{ userData } = { userData: '' }] = hetzner.servers();
  expect(userData).toContain('the-one-time-token-of-it');
  const told = Object.entries(env).filter(([, value]) => value && value.length > 7);
  expect(told.map(([name]) => name)).toEqual(
    expect.arrayContaining(['HCLOUD_TOKEN', 'CLOUDFLARE_API_TOKEN', 'DATABASE_URL']),
  );
  for (const [name, value] of told) expect(userData.includes(value ?? ''), name).toBe(false);
});
