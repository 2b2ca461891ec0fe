// A zone at a fake Cloudflare, new for each test that asks for one.
import { afterEach, expect } from 'vitest';
import { createCloudflareDns, type CloudflareOptions } from '../../bot/dns/cloudflare/cloudflare.ts';
import type { Dns } from '../../bot/dns/dns.ts';
import { ProviderError } from '../../bot/errors.ts';
import {
  startFakeCloudflare,
  type FakeCloudflare,
  type FakeCloudflareOptions,
} from '../fakes/cloudflare/cloudflare.ts';

export const NAME = 'vm-abcdefghijkl.sam.example';
export const NODE = 'nd-abcdefghijkl';
export const ADDRESS = '192.0.2.17';

const fakes: FakeCloudflare[] = [];
afterEach(async () => {
  for (const fake of fakes.splice(0)) {
    await fake.close();
    expect(fake.unsprung()).toEqual([]);
  }
});

export async function aZone(options?: FakeCloudflareOptions, changes?: Partial<CloudflareOptions>) {
  const fake = await startFakeCloudflare(options);
  fakes.push(fake);
  const open = (installation: string, more: Partial<CloudflareOptions> = {}): Dns =>
    createCloudflareDns({
      token: fake.token,
      zoneId: fake.zoneId,
      baseUrl: fake.baseUrl,
      domain: fake.zone,
      installation,
      timeoutMs: 5_000,
      ...changes,
      ...more,
    });
  return { fake, open, dns: open('ours') };
}

export const commentOf = (installation: string, node = NODE): string =>
  `managed-by=sam sam-installation=${installation} sam-node=${node}`;

export async function errorOf(call: Promise<unknown>): Promise<ProviderError> {
  const error = await call.then(
    () => 'it worked',
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ProviderError);
  return error as ProviderError;
}
