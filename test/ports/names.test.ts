// How ports are called, and which domain they may lie below.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../bot/config.ts';
import { createPortAddresses } from '../../bot/ports/addresses.ts';

const ID = 'ws-k7m2q4xa5bzd';
const HTTPS = { DATABASE_URL: undefined, BASE_URL: 'https://sam.example.com' };
const domainOf = (env: Record<string, string | undefined>) => parseConfig(env, '/srv/sam').portsDomain;

describe('the address of a port', () => {
  const local = createPortAddresses('localhost', 'http://localhost:4000');
  const far = createPortAddresses('ports.example.net', 'https://sam.example.com');

  test('has scheme and port of BASE_URL, and a label that fits', () => {
    expect(local.origin({ workspace: ID, port: 3000 })).toBe(`http://3000--${ID}.localhost:4000`);
    expect(far.origin({ workspace: ID, port: 65_535 })).toBe(`https://65535--${ID}.ports.example.net`);
    expect(`65535--${ID}`.length).toBeLessThan(64);
  });

  test.each([
    [`3000--${ID}.ports.example.net`, { workspace: ID, port: 3000 }],
    [`3000--${ID}.PORTS.example.net.:443`, { workspace: ID, port: 3000 }],
    [`0--${ID}.ports.example.net`, 'unknown'],
    [`70000--${ID}.ports.example.net`, 'unknown'],
    [`03000--${ID}.ports.example.net`, 'unknown'],
    [`x.3000--${ID}.ports.example.net`, 'unknown'],
    ['3000--ws-short.ports.example.net', 'unknown'],
    ['anything.ports.example.net', 'unknown'],
    ['ports.example.net', undefined],
    ['sam.example.com', undefined],
    [`3000--${ID}.evilports.example.net`, undefined],
    [undefined, undefined],
  ])('a request for %s is for %o', (host, name) => {
    expect(far.read(host)).toEqual(name);
  });

  test('an origin is read as a whole: another scheme, or another port of the machine, is another one', () => {
    const origin = local.origin({ workspace: ID, port: 3000 });
    expect(local.readOrigin(origin)).toEqual({ workspace: ID, port: 3000 });
    for (const other of [
      origin.replace('http:', 'https:'),
      origin.replace(':4000', ':4001'),
      `${origin}/`,
      'null',
      '',
    ])
      expect(local.readOrigin(other)).toBeUndefined();
  });
});

describe('PORTS_DOMAIN', () => {
  test('is localhost on a machine of one’s own, and nothing elsewhere', () => {
    expect(domainOf({})).toBe('localhost');
    expect(domainOf({ BASE_URL: 'http://127.0.0.1:8080' })).toBe('localhost');
    expect(domainOf(HTTPS)).toBeUndefined();
    expect(domainOf({ ...HTTPS, PORTS_DOMAIN: '*.Sam-Ports.example.net' })).toBe('sam-ports.example.net');
    expect(domainOf({ ...HTTPS, PORTS_DOMAIN: 'ports.sam.example.com' })).toBe('ports.sam.example.com');
  });

  test.each([
    ['sam.example.com', HTTPS.BASE_URL, 'is the host of BASE_URL'],
    ['example.com', HTTPS.BASE_URL, 'is a parent of the host of BASE_URL'],
    ['ports.sam.example.com', 'http://sam.example.com', 'without https'],
    ['no domain', HTTPS.BASE_URL, 'PORTS_DOMAIN is `no domain`, not a domain like'],
    ['10.0.0.1', HTTPS.BASE_URL, 'PORTS_DOMAIN is `10.0.0.1`, not a domain like'],
    ['com', HTTPS.BASE_URL, 'PORTS_DOMAIN is `com`, not a domain like'],
  ])('%s beside %s is refused at the start, with the reason', (PORTS_DOMAIN, BASE_URL, why) => {
    expect(() => domainOf({ PORTS_DOMAIN, BASE_URL })).toThrow(why);
  });
});
