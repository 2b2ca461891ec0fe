// Machines at Hetzner, as a person meets them: a fake Hetzner and a fake Cloudflare, a real bot, real agents.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { connect } from '../../bot/database/connect.ts';
import { findFreePort } from '../free-port.ts';
import { startSam } from '../testers/sam.ts';
import { spawnSam } from '../testers/spawned-sam.ts';
import { until } from '../until.ts';
import { askForTerminal, typeThroughEdge } from './edge.ts';
import { DOMAIN, openClouds, type Clouds } from './clouds.ts';
import { storeDelivery } from '../../bot/chat/store/deliveries.ts';

const LONG = { timeout: 300_000 };
const PATIENCE_MS = 120_000;

const isEmpty = ({ hetzner, cloudflare }: Clouds): boolean =>
  hetzner.servers().length === 0 && cloudflare.records().length === 0;

test(
  'up makes a machine with its firewall and its name, the next one lands on it, and with the last everything goes',
  LONG,
  async () => {
    await using clouds = await openClouds();
    const { hetzner, cloudflare, place } = clouds;
    for (const name of ['one', 'two']) place.repository(name);
    await using sam = await startSam({ place, env: clouds.env });
    const card = await sam.say('up ./one');
    expect(card).toMatch(/ · medium \(0\.\d{4} €\/h\) · [^]*\/w\//);
    const [server, ...others] = hetzner.servers();
    expect(others).toEqual([]);
    const host = `${server!.name}.${DOMAIN}`;
    expect(cloudflare.records()).toMatchObject([
      { type: 'A', name: host, content: server!.ip, proxied: true },
    ]);
    const [firewall] = hetzner.firewalls();
    expect(server!.firewalls).toEqual([firewall!.id]);
    expect(firewall!.rules).toMatchObject([
      { port: '443', source_ips: ['198.51.0.0/16', '2001:db8::/32'].toSorted() },
    ]);
    const terminal = await askForTerminal(sam);
    expect(terminal).toMatchObject({ status: 200, url: `wss://${host}/terminal` });
    const keys = 'echo "<$(git rev-parse --is-inside-work-tree)>"\n';
    expect(await typeThroughEdge(clouds, terminal, keys, /<(true)>/)).toBe('true');
    expect(cloudflare.certificates.map(({ hostnames }) => hostnames)).toEqual([[host]]);
    const page = await fetch(`${sam.bot.url}/w/ws-abcdefghijkl`);
    expect(page.headers.get('content-security-policy')).toContain(`wss://*.${DOMAIN}`);

    const before = clouds.changes();
    expect(await sam.say('up ./two')).toContain('/w/');
    expect(clouds.changes()).toEqual(before);
    expect((await sam.row('two')).nodeId).toBe((await sam.row('one')).nodeId);
    expect(before.toSorted()).toEqual([
      'POST /client/v4/certificates',
      'POST /client/v4/zones/ID/dns_records',
      'POST /v1/firewalls',
      'POST /v1/servers',
    ]);

    expect(await sam.say('nodes')).toMatch(
      /^MACHINE +PHASE +SIZE +PRICE +WORKSPACES\nvm-1 +ready +medium +0\.\d{4} €\/h +one, two$/,
    );
    expect(await sam.say('cost')).toMatch(
      /^Now: 1 machine, 0\.\d{4} €\/h\. This month so far: about 0\.\d\d €\./,
    );
    expect(await sam.say(`node rm ${server!.name}`)).toContain('there are `one`, `two`');

    await sam.say('rm one --force');
    await sam.say('rm two --force');
    expect(hetzner.servers()).toHaveLength(1);
    await until(() => isEmpty(clouds), PATIENCE_MS);
    expect(clouds.machines.running()).toEqual([]);
    expect(hetzner.complaints).toEqual([]);
  },
);

test('a bot that is killed while a machine is made and deleted leaves nothing behind', LONG, async () => {
  await using clouds = await openClouds();
  const { place, hetzner, cloudflare } = clouds;
  place.repository('one');
  const database = await connect(place.databaseUrl);
  await using _end = { [Symbol.asyncDispose]: () => database.close() };
  const say = (line: string): Promise<boolean> =>
    storeDelivery(database.db, {
      source: 'console',
      deliveryId: randomUUID(),
      thread: 'console:test',
      event: 'line',
      payload: { line, cwd: place.cwd },
    });
  const env = { ...clouds.env, PORT: String(await findFreePort()), NODE_WARM: '0' };
  const asked = (method: string): number =>
    hetzner.seen.filter((one) => one.method === method && one.path.startsWith('/v1/servers')).length;

  {
    await using first = spawnSam([], { place, env });
    await first.url();
    // The machine is made, and nobody hears of it.
    hetzner.fail({ method: 'POST', path: /servers$/, fault: 'no answer after' });
    await say('up ./one');
    await until(() => asked('POST') === 1, PATIENCE_MS);
    await first.kill();
  }
  {
    await using second = spawnSam([], { place, env });
    const isRunning = async (): Promise<boolean> => {
      const [row] = await place.sql`select phase from workspaces`;
      return row?.['phase'] === 'running';
    };
    await until(isRunning, PATIENCE_MS);
    expect([hetzner.servers().length, cloudflare.records().length, asked('POST')]).toEqual([1, 1, 1]);
    hetzner.fail({ method: 'DELETE', fault: 'no answer after' });
    await say('rm one --force');
    await until(() => asked('DELETE') === 1, PATIENCE_MS);
    await second.kill();
  }
  await using third = spawnSam([], { place, env });
  await third.url();
  await until(() => isEmpty(clouds), PATIENCE_MS);
  expect(clouds.machines.running()).toEqual([]);
});

test('a step of the boot that fails is on the card at once, and the machine goes', LONG, async () => {
  await using clouds = await openClouds();
  clouds.place.repository('one');
  clouds.machines.mute = true;
  await using sam = await startSam({ place: clouds.place, env: clouds.env });
  const said = sam.say('up ./one');
  await until(() => clouds.machines.settings.size === 1, PATIENCE_MS);
  const [settings] = clouds.machines.settings.values();
  const report = (token: string, body: unknown): Promise<Response> =>
    fetch(`${settings!['SAM_URL']}/agent/boot`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  const token = settings!['SAM_BOOTSTRAP_TOKEN']!;
  expect((await report('x'.repeat(43), { step: 'agent', ok: true, message: '' })).status).toBe(404);
  expect((await report(token, { step: 'A b', ok: true, message: '' })).status).toBe(400);
  expect((await report(token, { step: 'metadata', ok: true, message: '0.1 s' })).status).toBe(200);
  const message = 'the bot has no agent for riscv64';
  expect((await report(token, { step: 'agent', ok: false, message })).status).toBe(200);
  expect(await said).toContain(`its step "agent" failed: ${message}`);
  expect(await sam.say('logs one')).toMatch(
    /boot {3}metadata done: 0\.1 s\n.*boot {3}agent FAILED: the bot has/,
  );
  expect(await sam.say('logs one --boot')).toMatch(
    /^\S+ boot {3}metadata done: 0\.1 s\n\S+ boot {3}agent FAILED: the bot has no agent for riscv64$/,
  );
  await until(() => isEmpty(clouds), PATIENCE_MS);
});

test('a bot that has no agent for its machines does not begin to pay for them', LONG, async () => {
  await using clouds = await openClouds();
  const start = startSam({ place: clouds.place, env: { ...clouds.env, HCLOUD_ARCH: 'arm64' } });
  await expect(start).rejects.toThrow(
    'There is no agent for machines at Hetzner (linux, arm64) yet, and they cannot do without.\n' +
      'Build it once, and after every update of Sam: `npm run build`. Then start again.',
  );
  expect(clouds.changes()).toEqual([]);
});
