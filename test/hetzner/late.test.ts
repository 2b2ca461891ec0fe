// A machine whose agent calls when nobody waits for it any more: it is of use all the same, for a while.
import { expect, test } from 'vitest';
import { startSam } from '../testers/sam.ts';
import { until } from '../until.ts';
import { askForTerminal, typeThroughEdge } from './edge.ts';
import { openClouds } from './clouds.ts';

const LONG = { timeout: 300_000 };
const PATIENCE_MS = 120_000;

test(
  'an agent that calls after its deadline gives its machine back, and retry lands on it',
  LONG,
  async () => {
    await using clouds = await openClouds();
    const { place, hetzner, machines } = clouds;
    place.repository('one');
    machines.mute = true;
    await using sam = await startSam({ place, env: clouds.env });
    const said = sam.say('up ./one');
    const phase = async () => (await place.sql`select phase from nodes`)[0]?.['phase'] as string | undefined;
    await until(async () => (await phase()) === 'booting', PATIENCE_MS);
    // The deadline has passed: five minutes, of twelve seconds as a base.
    await place.sql`update nodes set phase_since = phase_since - interval '5 minutes', next_at = now()`;
    expect(await said).toMatch(/The machine started, but its agent never called\.[^]*retry one/);
    expect(await phase()).toBe('failed');
    expect(await sam.say('nodes')).toContain('failed');

    machines.mute = false;
    const [machine] = hetzner.servers();
    machines.change('on', machine!);
    await until(async () => (await phase()) === 'ready', PATIENCE_MS);
    expect((await sam.row('one')).phase).toBe('failed');
    expect(await sam.say('retry one')).toContain('/w/');
    expect(hetzner.servers()).toMatchObject([{ id: machine!.id }]);
    const terminal = await askForTerminal(sam);
    expect(await typeThroughEdge(clouds, terminal, 'echo "<$((40+2))>"\n', /<(42)>/)).toBe('42');
  },
);
