// The whole way, with everything real but the vendors: a bot, a fake Hetzner whose servers boot, a fake Cloudflare whose
// authority signs, a repository over http. `up` to a prompt, `rm` to nothing.
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { build } from '../agent-artifact/build.ts';
import { makeRepository } from '../testers/node.ts';
import { serveGit } from '../agent/git/server.ts';
import { findFreePort } from '../free-port.ts';
import { askForTerminal, typeThroughEdge } from '../hetzner/edge.ts';
import { openClouds } from '../hetzner/clouds.ts';
import type { Place } from '../testers/place.ts';
import { startSam } from '../testers/sam.ts';
import { until } from '../until.ts';
import { createBodies } from './bodies.ts';
import { findObstacle } from './rootfs.ts';
import { isLeftOut } from '../needs.ts';

const BOOT_MS = 120_000;
const isOut = isLeftOut('machines', findObstacle());

let artifacts: Awaited<ReturnType<typeof build>>;
beforeAll(async () => {
  if (isOut) return;
  artifacts = await build();
});

test.skipIf(isOut)('up makes a machine that boots, to a prompt over TLS, and rm leaves nothing', async () => {
  const port = await findFreePort();
  await using repositories = await openRepositories();
  const bodies = createBodies([port, repositories.port]);
  await using clouds = await openClouds({ machines: bodies });
  const { place, hetzner, cloudflare } = clouds;
  onTestFinished(({ task }) => {
    if (task.result?.state !== 'fail') return;
    for (const name of bodies.running()) console.log(bodies.find(name)?.console().slice(-3000));
  });
  const agents = join(place.dataDir, 'agent');
  await rm(agents, { recursive: true });
  await cp(artifacts.folder, agents, { recursive: true });
  const origin = `http://127.0.0.1:${port}`;
  const env = {
    ...clouds.env,
    PORT: String(port),
    BASE_URL: origin,
    SAM_DEADLINE_BASE: '20s',
    NODE_WARM: '0',
  };
  await using sam = await startSam({ place, env });

  expect(await sam.say(`up ${repositories.url('acme/api.git')} --name api`)).toContain('/w/');
  console.log(await timesOf(place));
  expect(await sam.say('logs --boot')).toMatch(/metadata done: .*\n.*agent done: /);
  const [own] = hetzner.servers();
  const user = `sam-${(await sam.row('api')).id.slice(3)}`;
  const terminal = await askForTerminal(sam);
  expect(terminal.url).toBe(`wss://${own!.name}.nodes.sam.example/terminal`);
  const keys = 'echo "<$(id -un) $(git rev-parse --is-inside-work-tree)>"\n';
  expect(await typeThroughEdge(clouds, terminal, keys, /<(\S+ true)>/)).toBe(`${user} true`);

  await sam.say('rm api --force');
  await until(() => hetzner.servers().length === 0 && cloudflare.records().length === 0, BOOT_MS);
  expect(bodies.running()).toEqual([]);
  expect(hetzner.complaints).toEqual([]);
});

/** From create to ready, and what of it is ours: from the moment when cloud-init starts our program. */
async function timesOf({ sql }: Place): Promise<string> {
  const [row] = await sql<{ all: number; ours: number }[]>`
    select extract(epoch from ready_at - create_sent_at)::float as all,
           extract(epoch from ready_at - said.at)::float + split_part(said.data->>'message', ' ', 1)::float as ours
      from nodes join events said on said.entity = nodes.id and said.type = 'boot' and said.data->>'step' = 'metadata'`;
  return `from create to ready: ${row?.all.toFixed(1)} s, of it Sam's own: ${row?.ours.toFixed(1)} s`;
}

async function openRepositories() {
  const root = await mkdtemp(join(tmpdir(), 'sam-repositories-'));
  await mkdir(join(root, 'acme'));
  makeRepository(join(root, 'acme/api.git'));
  const git = await serveGit(root);
  return {
    url: git.url,
    port: Number(new URL(git.url('')).port),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
