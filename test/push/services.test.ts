// Whoever subscribes names the address that the bot will call: what it calls, and what it never does.
import { lookup, type LookupAddress } from 'node:dns';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isPublic, onlyPublic, readEndpoint, sendPush, type PushRequest } from '../../bot/push/services.ts';

const REQUEST: Omit<PushRequest, 'endpoint'> = {
  body: Buffer.from('sealed'),
  authorization: 'vapid t=a, k=b',
  ttl: 60,
  topic: 'topic',
  urgency: 'normal',
};

/** Every name leads there. */
const leadsTo = (...addresses: LookupAddress[]): typeof lookup =>
  ((_name: string, _options: object, done: (error: null, all: LookupAddress[]) => void) =>
    done(null, addresses)) as unknown as typeof lookup;

describe('an address that a browser names', () => {
  test.each([
    'https://fcm.googleapis.com/fcm/send/abc:def',
    'https://updates.push.services.mozilla.com/wpush/v2/gAAA',
    'https://web.push.apple.com/QLZ',
    'https://wns2-par02p.notify.windows.com/w/?token=B',
  ])('%s is one', (endpoint) => {
    expect(readEndpoint(endpoint, [])?.href).toBe(endpoint);
  });

  test.each([
    'http://fcm.googleapis.com/fcm/send/abc',
    'https://fcm.googleapis.com:8443/fcm/send/abc',
    'https://user:word@fcm.googleapis.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'https://localhost/',
    'https://localhost./',
    'https://metadata/',
    'ftp://fcm.googleapis.com/',
    'file:///etc/passwd',
    `https://fcm.googleapis.com/${'a'.repeat(1_000)}`,
    'nothing',
  ])('%s is none', (endpoint) => {
    expect(readEndpoint(endpoint, [])).toBeUndefined();
  });

  test('may be in a network of our own where whoever runs Sam said so, and no other one there', () => {
    const own = ['http://127.0.0.1:8080'];
    expect(readEndpoint('http://127.0.0.1:8080/push/1', own)?.href).toBe('http://127.0.0.1:8080/push/1');
    expect(readEndpoint('http://127.0.0.1:8081/push/1', own)).toBeUndefined();
    expect(readEndpoint('https://127.0.0.1:8080/push/1', own)).toBeUndefined();
  });
});

test.each([
  ['93.184.216.34', true],
  ['172.15.0.1', true],
  ['2606:4700::1111', true],
  ['10.1.2.3', false],
  ['127.0.0.1', false],
  ['169.254.169.254', false],
  ['172.31.255.255', false],
  ['192.168.0.1', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:93.184.216.34', false],
  ['64:ff9b::7f00:1', false],
  ['2002:7f00:1::', false],
  ['2001::1', false],
  ['fd00::1', false],
  ['fe80::1', false],
  ['ff02::1', false],
  ['localhost', false],
])('%s is an address of the internet: %s', (address, is) => {
  expect(isPublic(address)).toBe(is);
});

describe('a name', () => {
  test.each([
    ['this machine', { address: '127.0.0.1', family: 4 }],
    ['our network', { address: '10.0.0.7', family: 4 }],
    ['the metadata of a cloud', { address: '169.254.169.254', family: 4 }],
    ['this machine by its longer address', { address: '::ffff:127.0.0.1', family: 6 }],
  ])('that leads to %s is not called', async (_, address) => {
    const outcome = await sendPush(
      { ...REQUEST, endpoint: 'https://push.example.com/1' },
      { own: [], resolve: leadsTo(address) },
    );
    expect(outcome).toEqual({
      is: 'later',
      why: 'push.example.com leads to no public address',
      afterMs: undefined,
    });
  });

  test('that leads to several places is called at the public ones alone', async () => {
    const inside = { address: '192.168.1.1', family: 4 };
    const outside = { address: '93.184.216.34', family: 4 };
    const resolve = onlyPublic(leadsTo(inside, outside));
    const all = await new Promise((done) =>
      resolve('push.example.com', { all: true }, (_error, found) => done(found)),
    );
    expect(all).toEqual([outside]);
    const one = await new Promise((done) =>
      resolve('push.example.com', {}, (_error, found, family) => done([found, family])),
    );
    expect(one).toEqual(['93.184.216.34', 4]);
  });
});

test('an answer that leads elsewhere is not followed', async () => {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    response.writeHead(307, { location: '/secret' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const outcome = await sendPush({ ...REQUEST, endpoint: `${origin}/push` }, { own: [origin] });
  expect(outcome).toEqual({ is: 'refused', status: 307 });
  expect(paths).toEqual(['/push']);
});
