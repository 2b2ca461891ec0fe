// From Slack's `/sam up` to a prompt in a container, on a machine that boots with nothing of that: its own boot data install an
// engine while the agent works already, and the engine fetches the image that the repository names.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { build } from '../agent-artifact/build.ts';
import { findFreePort } from '../free-port.ts';
import { openClouds, type Clouds } from '../hetzner/clouds.ts';
import { askForTerminal, typeThroughEdge } from '../hetzner/edge.ts';
import { isLeftOut } from '../needs.ts';
import { startSlack, type Slack } from '../testers/slack.ts';
import { until } from '../until.ts';
import { createBodies } from './bodies.ts';
import { findBase, NO_BASE } from './engine.ts';
import { serveImage } from './image-registry.ts';
import type { Machine } from './machine.ts';
import { findObstacle, NO_MIRROR } from './rootfs.ts';

const BOOT_MS = 240_000;
const isOut = isLeftOut('machines', findObstacle() ?? process.env[NO_MIRROR] ?? process.env[NO_BASE]);

let artifacts: Awaited<ReturnType<typeof build>>;
beforeAll(async () => {
  if (isOut) return;
  artifacts = await build();
});

test.skipIf(isOut)(
  '`/sam up` on a new machine ends in the container that the repository describes',
  { timeout: 2 * BOOT_MS },
  async () => {
    const port = await findFreePort();
    await using registry = await serveImage(findBase());
    const reachable = [port, registry.port];
    const bodies = createBodies(reachable, { hasPackages: true });
    await using clouds = await openClouds({ machines: bodies });
    const { place } = clouds;
    const agents = join(place.dataDir, 'agent');
    await rm(agents, { recursive: true });
    await cp(artifacts.folder, agents, { recursive: true });
    const described = {
      image: registry.image,
      remoteUser: 'games',
      postCreateCommand: 'id -un > /tmp/made',
    };
    await using context = await startSlack({
      place,
      files: { '.devcontainer/devcontainer.json': JSON.stringify(described) },
      env: {
        ...clouds.env,
        PORT: String(port),
        BASE_URL: `http://127.0.0.1:${port}`,
        SAM_DEADLINE_BASE: '60s',
        NODE_WARM: '1h',
        RUNTIME: '',
      },
    });
    reachable.push(Number(new URL(context.github.url).port));
    const find = (): Machine => bodies.find(bodies.running()[0] ?? '')!;
    try {
      await live(clouds, context, find);
      expect(registry.pulls()).toBe(1);
    } catch (error) {
      console.log(lastWords(find()));
      throw error;
    }
  },
);

/** Its whole life. */
async function live(clouds: Clouds, context: Slack, find: () => Machine): Promise<void> {
  const { people, dev, slack, place } = context;
  const startedAt = performance.now();
  await slack.slash(people.bob, dev, 'up acme/api');
  await until(() => / running\n|failed/.test(cardOf(context)), BOOT_MS);
  console.log(`from \`/sam up\` to running: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  await context.settle();
  expect(cardOf(context)).toContain(' running\n');
  expect(cardOf(context)).toContain('in its container (`.devcontainer/devcontainer.json`)');
  const machine = find();
  const engine = (line: string): string => machine.run(`docker ${line}`).trim();
  const [container = '', ...others] = engine("ps --format '{{.ID}}'").split('\n');
  expect(others).toEqual([]);

  const type = async (line: string): Promise<string> => {
    await context.press('Open terminal', context.card());
    const shown = JSON.stringify(slack.seenBy(people.bob, dev).at(-1)?.blocks);
    const link = /<(http[^|>]+\/w\/[^|>]+)\|/.exec(shown)?.[1] ?? '';
    const terminal = await askForTerminal(context.sam, link);
    return typeThroughEdge(clouds, terminal, `echo "<$(${line})>"\n`, /<([\w ]+)>/);
  };
  // What only the container has, and who only there is one.
  const look = 'hostname; id -un; cat /tmp/made; git rev-parse --is-inside-work-tree';
  expect(await type(`echo $(${look})`)).toBe(`${container} games games true`);
  expect(await type('touch kept /tmp/kept && echo done')).toBe('done');

  await context.say('stop api');
  expect(engine('ps --quiet')).toBe('');
  expect(engine("ps --all --format '{{.ID}}'")).toBe(container);
  await context.say('start api');
  expect(cardOf(context)).toContain(' running\n');
  expect(await type('echo $(hostname; ls kept; cd /tmp; ls kept made)')).toBe(`${container} kept kept made`);

  const [workspace] = await place.sql<{ id: string }[]>`select id from workspaces`;
  const files = `find /var/lib/sam -path '*${workspace?.id}*'`;
  expect(machine.run(files)).not.toBe('');
  await context.say('rm api --force');
  expect([engine('ps --all --quiet'), machine.run(files)]).toEqual(['', '']);

  const steps = () => place.sql<{ step: string; ok: boolean; message: string }[]>`
    select data->>'step' as step, (data->>'ok')::boolean as ok, data->>'message' as message
      from events where type = 'boot' order by id`;
  await until(async () => (await steps()).length === 5, BOOT_MS);
  console.log(`its boot: ${(await steps()).map(({ step, message }) => `${step} ${message}`).join(', ')}`);
  expect((await steps()).filter(({ ok }) => !ok)).toEqual([]);
}

/** Empty: there is none. */
const cardOf = (context: Slack): string => {
  try {
    return context.read(context.card());
  } catch {
    return '';
  }
};

function lastWords(machine: Machine | undefined): string {
  if (machine === undefined) return 'no machine was made';
  const logs = [
    'docker ps --all; docker images',
    'journalctl --no-pager -n 60 -u sam-agent -u docker',
    'tail -n 30 /var/log/cloud-init-output.log',
  ];
  const told = logs.map((line) => {
    try {
      return machine.run(`${line} 2>&1`);
    } catch (error) {
      return String(error);
    }
  });
  return [machine.console().slice(-2000), ...told].join('\n---\n');
}
