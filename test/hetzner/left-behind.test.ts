// A configuration that cannot see machines which are there, and paid for: somebody hears of it, and nothing is called gone.
import { expect, test } from 'vitest';
import { startFakeHetzner } from '../fakes/hetzner/hetzner.ts';
import { findFreePort } from '../free-port.ts';
import { startSam } from '../testers/sam.ts';
import { until } from '../until.ts';
import { openClouds, type Clouds } from './clouds.ts';

const LONG = { timeout: 300_000 };
const PATIENCE_MS = 120_000;

/** A bot has made a machine, and ended; its agent looks for it at this port. */
async function leaveOne({ place, env }: Clouds): Promise<NodeJS.ProcessEnv> {
  place.repository('one');
  const asked = { ...env, PORT: String(await findFreePort()) };
  await using sam = await startSam({ place, env: asked });
  expect(await sam.say('up ./one')).toContain('/w/');
  return asked;
}

test(
  'without the token, or below another domain, the start refuses: it names the machines and the way out',
  LONG,
  async () => {
    await using clouds = await openClouds();
    const { place, hetzner } = clouds;
    const env = await leaveOne(clouds);
    const [{ name } = { name: '' }] = hetzner.servers();
    const { HCLOUD_TOKEN: _, ...poor } = env;
    await expect(startSam({ place, env: poor })).rejects.toThrow(
      `Sam still has machines of the provider \`hetzner\`: ${name}. With \`local\` nobody sees or deletes them, and they are paid for.\n` +
        'Put HCLOUD_TOKEN back and start; delete their workspaces (`rm NAME`) and them ' +
        `(\`node rm ${name}\`; one that does not exist any more: \`node rm ${name} --gone\`), and change the provider after that.`,
    );
    await expect(startSam({ place, env: { ...env, BASE_DOMAIN: 'other.sam.example' } })).rejects.toThrow(
      `Sam still has machines whose names are not below other.sam.example: ${name}.nodes.sam.example.\n` +
        'Put the old BASE_DOMAIN back and start;',
    );
    expect(hetzner.servers()).toHaveLength(1);
    // As it was before, it goes on.
    await using sam = await startSam({ place, env });
    await sam.say('rm one --force');
    await until(() => hetzner.servers().length === 0, PATIENCE_MS);
  },
);

test(
  'with the token of another project nothing counts as gone and nothing is made there, until it is said',
  LONG,
  async () => {
    await using clouds = await openClouds();
    const { place, hetzner, cloudflare } = clouds;
    const env = await leaveOne(clouds);
    const [{ name } = { name: '' }] = hetzner.servers();
    const other = await startFakeHetzner();
    await using _end = { [Symbol.asyncDispose]: () => other.close() };
    const elsewhere = { ...env, HCLOUD_ENDPOINT: other.endpoint, NODE_WARM: '0' };
    {
      await using sam = await startSam({ place, env: elsewhere });
      // Nobody did anything: the next look says it.
      await place.sql`update sweeps set last_run_at = null where name = 'servers'`;
      const trouble = `in the project of HCLOUD_TOKEN there is nothing of this installation: neither ${name} nor its firewall`;
      await until(async () => (await sam.say('nodes')).includes(trouble.replace(name, 'vm-1')), PATIENCE_MS);
      // Its agent works on, and the next one could land there.
      await sam.say('rm one --force');
      expect(await sam.say(`node rm ${name}`)).toContain('goes now');
      place.repository('two');
      expect(await sam.say('up ./two')).toContain(`\`node rm vm-1 --gone\``);
      expect([other.servers(), other.firewalls()]).toEqual([[], []]);
      // However many asked, it was looked at once in a minute.
      expect(other.seen.filter(({ path }) => path.endsWith('/firewalls')).length).toBeLessThan(3);
      const rows = await place.sql`select desired, phase = 'deleted' as gone from nodes where name = ${name}`;
      expect(rows).toMatchObject([{ desired: 'deleted', gone: false }]);
      expect(hetzner.servers()).toHaveLength(1);
      expect(cloudflare.records()).toHaveLength(1);
    }
    {
      // The project is where it was, and everything goes its way.
      await using _sam = await startSam({ place, env: { ...env, NODE_WARM: '0' } });
      await until(() => hetzner.servers().length === 0 && cloudflare.records().length === 0, PATIENCE_MS);
    }
  },
);

test(
  'of a machine whose project is gone somebody has to say so, and then the next one is made in the new project',
  LONG,
  async () => {
    await using clouds = await openClouds();
    const { place, hetzner, machines } = clouds;
    const env = await leaveOne(clouds);
    const [{ name } = { name: '' }] = hetzner.servers();
    const other = await startFakeHetzner({ onChange: (what, machine) => machines.change(what, machine) });
    await using _end = { [Symbol.asyncDispose]: () => other.close() };
    await using sam = await startSam({ place, env: { ...env, HCLOUD_ENDPOINT: other.endpoint } });
    expect(await sam.say('node rm vm-aaaaaaaaaaaa --gone')).toContain('There is no machine');
    expect(await sam.say(`node rm ${name} --gone`)).toContain('is over for Sam, and whatever was on it.');
    await until(async () => (await sam.row('one')).phase === 'failed', PATIENCE_MS);
    expect(await sam.say('retry one')).toContain('/w/');
    expect(other.servers()).toHaveLength(1);
    expect(other.complaints).toEqual([]);
  },
);
