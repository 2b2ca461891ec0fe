// A whole bot beside a fake Hetzner whose servers run real agents, and a fake Cloudflare.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startFakeCloudflare, type FakeCloudflare } from '../fakes/cloudflare/cloudflare.ts';
import { startFakeHetzner, type FakeHetzner } from '../fakes/hetzner/hetzner.ts';
import { createPlace, type Place } from '../testers/place.ts';
import { createMachines, type Machines } from './machines.ts';

export interface Clouds extends AsyncDisposable {
  place: Place;
  hetzner: FakeHetzner;
  cloudflare: FakeCloudflare;
  machines: Machines;
  /** For the bot: these clouds, and no other. */
  env: NodeJS.ProcessEnv;
  /** Of the requests that change something: `POST /servers`. */
  changes(): string[];
}

export const DOMAIN = 'nodes.sam.example';

/** Everything of it is gone after the test, or the test fails. */
export async function openClouds(given: { machines?: Machines } = {}): Promise<Clouds> {
  const place = await createPlace();
  const machines = given.machines ?? createMachines(`${place.root}/machines`);
  const hetzner = await startFakeHetzner({ onChange: (what, machine) => machines.change(what, machine) });
  const cloudflare = await startFakeCloudflare();
  await pretendBuild(place.dataDir);
  return {
    place,
    hetzner,
    cloudflare,
    machines,
    env: {
      HCLOUD_TOKEN: hetzner.token,
      HCLOUD_ENDPOINT: hetzner.endpoint,
      BASE_DOMAIN: DOMAIN,
      CLOUDFLARE_API_TOKEN: cloudflare.token,
      CLOUDFLARE_ZONE_ID: cloudflare.zoneId,
      CLOUDFLARE_BASE_URL: cloudflare.baseUrl,
      ALLOW_INSECURE_BASE_URL: 'true',
      // Silence is more than a heartbeat, and a call that hangs does not last.
      SAM_DEADLINE_BASE: '12s',
      NODE_WARM: '2s',
    },
    changes: () => [...changesOf(hetzner), ...changesOf(cloudflare)],
    async [Symbol.asyncDispose]() {
      await machines.stop();
      await place[Symbol.asyncDispose]();
      await hetzner.close();
      await cloudflare.close();
    },
  };
}

/** For a second bot in the same clouds: a database and a folder of its own. */
export async function openPlaceBeside(): Promise<Place> {
  const place = await createPlace();
  await pretendBuild(place.dataDir);
  return place;
}

/** A bot with machines wants an agent for them; the ones here start from the sources. */
async function pretendBuild(dataDir: string): Promise<void> {
  const folder = join(dataDir, 'agent');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const artifacts = [{ os: 'linux', arch: 'x64', file: 'none.tar.gz', sha256: '0'.repeat(64), size: 1 }];
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ version: '0.0.0', artifacts }));
}

const changesOf = ({ seen }: Pick<FakeHetzner, 'seen'>): string[] =>
  seen
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path }) => `${method} ${path.replaceAll(/[0-9a-f]{32}|\d{3,}/g, 'ID')}`);
