// The variables of Hetzner and Cloudflare: all there and good, or one message that names every one that is not.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../bot/config.ts';
import { createAuthority } from '../agent-artifact/authority.ts';

const CLOUD = {
  HCLOUD_TOKEN: 'canary-hcloud-token',
  BASE_DOMAIN: 'Nodes.Example.com',
  CLOUDFLARE_API_TOKEN: 'canary-cloudflare-token',
  CLOUDFLARE_ZONE_ID: 'a'.repeat(32),
  BASE_URL: 'https://sam.example.com',
};

const parse = (env: Record<string, string | undefined>) => parseConfig(env, '/srv/sam');
const complaint = (env: Record<string, string | undefined>): string => {
  try {
    parse(env);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no complaint';
};

describe('machines', () => {
  test('a token for Hetzner is enough to have them there; without one they are local', () => {
    expect(parse(CLOUD)).toMatchObject({
      machines: {
        provider: 'hetzner',
        settings: {
          endpoint: 'https://api.hetzner.cloud/v1',
          locations: ['nbg1', 'fsn1', 'hel1'],
          arch: 'x64',
          sizes: {},
        },
      },
      dns: { domain: 'nodes.example.com', zoneId: 'a'.repeat(32) },
    });
    expect(parse({})).toMatchObject({ machines: { provider: 'local' }, dns: undefined });
    expect(parse({ ...CLOUD, PROVIDER: 'local', BASE_URL: undefined }).machines).toEqual({
      provider: 'local',
      settings: undefined,
    });
  });

  test('locations, architecture, sizes and image can be others', () => {
    const { machines } = parse({
      ...CLOUD,
      HCLOUD_LOCATIONS: 'hel1, fsn1',
      HCLOUD_ARCH: 'arm64',
      HCLOUD_SIZES: 'small=cax21, large=cax41',
      HCLOUD_IMAGE: 'ubuntu-24.04',
      HCLOUD_ENDPOINT: 'http://127.0.0.1:8080/v1/',
    });
    expect(machines).toMatchObject({
      settings: {
        locations: ['hel1', 'fsn1'],
        arch: 'arm64',
        sizes: { small: 'cax21', large: 'cax41' },
        image: 'ubuntu-24.04',
        endpoint: 'http://127.0.0.1:8080/v1',
      },
    });
  });

  test('whatever is missing is said in one message', () => {
    expect(complaint({ PROVIDER: 'hetzner', BASE_URL: CLOUD.BASE_URL })).toMatchInlineSnapshot(`
      "Sam cannot start: 2 variables are wrong.
        - HCLOUD_TOKEN is missing; PROVIDER \`hetzner\` needs an API token with "Read & Write"
        - BASE_DOMAIN, CLOUDFLARE_API_TOKEN, CLOUDFLARE_ZONE_ID are missing; PROVIDER \`hetzner\` needs all of BASE_DOMAIN, CLOUDFLARE_API_TOKEN, CLOUDFLARE_ZONE_ID
      Mend it in the environment (.env.example explains every variable) and start again."
    `);
    expect(complaint({ BASE_DOMAIN: 'nodes.example.com' })).toMatchInlineSnapshot(`
      "Sam cannot start: a variable is wrong.
        - CLOUDFLARE_API_TOKEN, CLOUDFLARE_ZONE_ID are missing; the names of nodes need all of BASE_DOMAIN, CLOUDFLARE_API_TOKEN, CLOUDFLARE_ZONE_ID
      Mend it in the environment (.env.example explains every variable) and start again."
    `);
  });

  test('whatever is bad is said in one message, without the secrets', () => {
    const said = complaint({
      ...CLOUD,
      HCLOUD_ENDPOINT: 'ftp://x',
      HCLOUD_LOCATIONS: 'nbg1,nbg1',
      HCLOUD_ARCH: 'mips',
      HCLOUD_SIZES: 'huge=cx99',
      HCLOUD_IMAGE: 'Debian 13',
      BASE_DOMAIN: 'https://nodes.example.com',
      CLOUDFLARE_ZONE_ID: 'example.com',
      CLOUDFLARE_BASE_URL: 'cloudflare',
    });
    expect(said).toMatchInlineSnapshot(`
      "Sam cannot start: 8 variables are wrong.
        - HCLOUD_ENDPOINT is \`ftp://x\`, not an address like https://api.hetzner.cloud/v1
        - HCLOUD_LOCATIONS is \`nbg1,nbg1\`, not names of locations like \`nbg1,fsn1\`, each once
        - HCLOUD_ARCH is \`mips\`, not \`x64\` or \`arm64\`
        - HCLOUD_SIZES is \`huge=cx99\`, not pairs like \`small=cx23,large=cx43\`
        - HCLOUD_IMAGE is \`Debian 13\`, not the name of an image, like \`debian-13\`
        - BASE_DOMAIN is \`https://nodes.example.com\`, not a domain like \`nodes.example.com\`, without https://
        - CLOUDFLARE_ZONE_ID is \`example.com\`, not the zone's id: 32 digits and letters a to f
        - CLOUDFLARE_BASE_URL is \`cloudflare\`, not an address like https://api.cloudflare.com/client/v4
      Mend it in the environment (.env.example explains every variable) and start again."
    `);
    expect(said).not.toContain('canary');
  });

  test('machines elsewhere need an address that they can reach', () => {
    for (const url of ['http://sam.example.com', 'https://localhost', 'https://127.0.0.1:8443']) {
      expect(complaint({ ...CLOUD, BASE_URL: url })).toContain('ALLOW_INSECURE_BASE_URL=true');
      expect(complaint({ ...CLOUD, BASE_URL: url, ALLOW_INSECURE_BASE_URL: 'true' })).toBe('no complaint');
    }
    expect(complaint({ ...CLOUD, BASE_URL: undefined })).toContain('with machines at Hetzner');
  });
});

describe('the network of machines', () => {
  const authority = createAuthority();
  const pem = authority.certificate;
  authority.remove();

  test('is nothing unless it is said', () => {
    expect(parse(CLOUD).network).toEqual({ proxy: undefined, direct: [], authorities: [] });
  });

  test('is a proxy, what goes without it, and certificates as PEM, on one line or in base64', () => {
    for (const NODE_CA of [
      pem + pem,
      pem.replaceAll('\n', '\\n').repeat(2),
      Buffer.from(pem + pem).toString('base64'),
    ])
      expect(
        parse({
          ...CLOUD,
          NODE_PROXY: 'http://sam:s%22@Proxy.example.com:3128/',
          NODE_NO_PROXY: 'git.example.com, .internal,10.0.0.0/8',
          NODE_CA,
        }).network,
      ).toEqual({
        proxy: 'http://sam:s%22@proxy.example.com:3128',
        direct: ['git.example.com', '.internal', '10.0.0.0/8'],
        authorities: [pem, pem],
      });
  });

  test('whatever is bad is named, without the password', () => {
    const bad = { NODE_PROXY: 'socks5://sam:canary@proxy', NODE_NO_PROXY: 'a b', NODE_CA: 'canary' };
    expect(complaint({ ...CLOUD, ...bad })).toMatchInlineSnapshot(`
      "Sam cannot start: 3 variables are wrong.
        - NODE_PROXY is not an address like \`http://proxy.example.com:3128\`
        - NODE_NO_PROXY is \`a b\`, not hosts like \`git.example.com,.internal,10.0.0.0/8\`
        - NODE_CA is not certificates: PEM, or its base64; 12 KiB at most
      Mend it in the environment (.env.example explains every variable) and start again."
    `);
    for (const NODE_PROXY of ['proxy:3128', 'http://proxy/path', 'http://proxy?x=1', 'http://pro"xy'])
      expect(complaint({ ...CLOUD, NODE_PROXY }), NODE_PROXY).toContain('NODE_PROXY is not an address');
    expect(complaint({ ...CLOUD, NODE_CA: pem.repeat(40) })).toContain('12 KiB at most');
  });
});
