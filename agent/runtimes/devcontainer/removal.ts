// What goes with a workspace: its containers, what was made for them alone, and what the agent keeps of it. Also for workspaces
// that nobody knows any more, where that is proven.
import { rm } from 'node:fs/promises';
import { describeError } from '../../log.ts';
import { labelsOf, NODE_LABEL, ROLE_LABEL, WORKSPACE_LABEL, type Containers } from './containers.ts';
import { projectOf, type Container, type Engine } from './engine.ts';
import { keptFolder } from './kept-log.ts';

/** Younger ones may be being made by somebody who has not written that down yet. */
const GRACE_MS = 10 * 60_000;
/** What the dev container program calls what it builds: its own, and nobody else's. */
const BUILT = /^vsc-/;

/** Repeatable. What another one uses stays. */
export async function removeAll(containers: Containers, workspace: string): Promise<void> {
  const found = await containers.engine.find(labelsOf(containers, workspace));
  await removeContainers(containers, found);
  await rm(keptFolder(containers.dir, workspace), { recursive: true, force: true });
}

/** The recovery container has done its work once the real one is there. */
export async function removeRecovery(containers: Containers, workspace: string): Promise<void> {
  const labels = { ...labelsOf(containers, workspace), [ROLE_LABEL]: 'recovery' };
  const found = await containers.engine.find(labels);
  if (found.length > 0)
    await containers.engine.ask(['rm', '--force', '--volumes', ...found.map(({ id }) => id)]);
}

async function removeContainers({ engine }: Containers, found: Container[]): Promise<void> {
  if (found.length === 0) return;
  const projects = new Set(found.map(projectOf).filter((one) => one !== undefined));
  const images = await listBuilt(engine, found);
  const volumes = await listOwnVolumes(engine, found);
  await engine.ask(['rm', '--force', '--volumes', ...found.map(({ id }) => id)]);
  for (const project of projects) {
    const filter = ['--quiet', '--filter', `label=com.docker.compose.project=${project}`];
    await removeEach(engine, 'network', (await engine.ask(['network', 'ls', ...filter])).split('\n'));
    volumes.push(...(await engine.ask(['volume', 'ls', ...filter])).split('\n'));
  }
  // The engine refuses what somebody still uses.
  await removeEach(engine, 'volume', volumes);
  await removeEach(engine, 'image', images);
}

async function removeEach(
  engine: Engine,
  what: 'network' | 'volume' | 'image',
  names: string[],
): Promise<void> {
  for (const name of new Set(names.filter(Boolean))) await engine.run([what, 'rm', name]);
}

/** The images that were built for these containers, the ones in between among them; never one that somebody named. */
async function listBuilt(engine: Engine, found: Container[]): Promise<string[]> {
  const names: string[] = [];
  for (const { image } of found) {
    const format = '{{range .RepoTags}}{{println .}}{{end}}';
    const { code, stdout } = await engine.run(['image', 'inspect', '--format', format, image]);
    if (code === 0) names.push(...stdout.split('\n').filter((name) => BUILT.test(name)));
  }
  // `vsc-api-<hash of the folder>`, and the same with what was added to it.
  const stems = new Set(
    names.map((name) => /^vsc-.*-[0-9a-f]{20,}/.exec(name)?.[0]).filter((one) => one !== undefined),
  );
  if (stems.size === 0) return names;
  const all = (await engine.ask(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'])).split('\n');
  return [...new Set([...names, ...all.filter((name) => [...stems].some((stem) => name.startsWith(stem)))])];
}

/** Named volumes that came into being with the container. One that was there before is somebody's. */
async function listOwnVolumes(engine: Engine, found: Container[]): Promise<string[]> {
  const own: string[] = [];
  for (const { volumes, createdAt } of found)
    for (const name of volumes) {
      const { code, stdout } = await engine.run(['volume', 'inspect', '--format', '{{.CreatedAt}}', name]);
      // Whole seconds.
      if (code === 0 && Date.parse(stdout.trim()) >= createdAt.getTime() - 1_000) own.push(name);
    }
  return own;
}

/** Containers of this node whose workspace nobody knows: old enough, and still there and unknown at a second look. */
export async function sweepContainers(
  containers: Containers,
  isKnown: (id: string) => boolean,
  graceMs = GRACE_MS,
): Promise<string[]> {
  const { engine, node, log } = containers;
  if (!(await engine.isThere())) return [];
  const strays = (await engine.find({ [NODE_LABEL]: node })).flatMap(
    ({ labels }) => labels[WORKSPACE_LABEL] ?? [],
  );
  const removed: string[] = [];
  for (const id of new Set(strays)) {
    if (isKnown(id)) continue;
    const again = await engine.find(labelsOf(containers, id));
    const isOld = again.every(({ createdAt }) => Date.now() - createdAt.getTime() > graceMs);
    if (again.length === 0 || !isOld || isKnown(id)) continue;
    try {
      await removeAll(containers, id);
      removed.push(id);
      log.warn('containers of a workspace that nobody knows are removed', { workspace: id });
    } catch (error) {
      log.error('a stray container stays', { workspace: id, error: describeError(error) });
    }
  }
  return removed;
}
