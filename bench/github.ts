// What Sam writes to GitHub for each verb, and when people see it: a whole bot beside the fake GitHub, at GitHub's pace.
// `ROUNDS=20` for more of each, `JSON=file` keeps the figures.
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { commentNodeId } from '../test/fakes/github/views/threads.ts';
import type { FakeGitHub, Logged, Thread } from '../test/fakes/github/github.ts';
import { timingFrom } from '../bot/workspaces/timing.ts';
import { openScene, type Scene } from './scene.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 3);

/** In this order on one pull request: the first makes a workspace, the last deletes it. */
const LINES = ['up', 'extend 8h', 'rename NAME', 'status', 'stop', 'start', 'rm --force'];

/** Longer than a card waits for its next edit: then there is no further write. */
const QUIET_MS = timingFrom().cardPaceMs + 2_000;
const GIVE_UP_MS = 120_000;

interface Measured {
  verb: string;
  /** In the order of their arrival. */
  writes: string[];
  /** From the comment to its last reaction, to the card's last state, and to the last write of all; ms. */
  reaction: number;
  card: number | undefined;
  all: number;
}

export async function benchGitHub(): Promise<void> {
  const scene = await openScene();
  const all: Measured[] = [];
  try {
    for (let round = 0; round < ROUNDS; round += 1) all.push(...(await runRound(scene, round)));
  } finally {
    await scene.close();
  }
  console.log(
    `${ROUNDS} rounds on a pull request with comment, deployment and check; times from the comment, in s`,
  );
  const table = LINES.map((line) => summaryOf(verbOf(line), all));
  for (const row of table) console.log(showRow(row));
  console.log(JSON.stringify(table));
  const file = process.env['JSON'];
  if (file)
    writeFileSync(file, JSON.stringify({ rounds: ROUNDS, verbs: table, measured: all }, undefined, 2));
}

async function runRound(scene: Scene, round: number): Promise<Measured[]> {
  const pull = await scene.github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${round}` });
  const measured: Measured[] = [];
  for (const line of LINES) measured.push(await measure(scene, pull, line.replace('NAME', `box-${round}`)));
  return measured;
}

async function measure(scene: Scene, pull: Thread, line: string): Promise<Measured> {
  const { github, timeOf } = scene;
  const before = github.log.length;
  const startedAt = performance.now();
  const { comment } = await github.comment(pull, 'bob', `/sam ${line}`);
  // What comes late, and is about another pull request, is not of this line.
  const writes = (): Logged[] =>
    github.log
      .slice(before)
      .filter((entry) => kindOf(entry) !== undefined && numberOf(github, entry) === pull.number);
  const isEnded = (): boolean => github.reactionsOn(comment).some((sign) => sign !== 'eyes');
  const isQuiet = (): boolean => performance.now() - Math.max(startedAt, ...writes().map(timeOf)) > QUIET_MS;
  while (!isEnded() || !isQuiet()) {
    if (performance.now() - startedAt > GIVE_UP_MS) throw new Error(`\`${line}\` did not end`);
    await delay(20);
  }
  const last = (...kinds: string[]): number | undefined => {
    const entry = writes().findLast((one) => kinds.includes(kindOf(one) ?? ''));
    return entry && timeOf(entry) - startedAt;
  };
  return {
    verb: verbOf(line),
    writes: writes().map((entry) => kindOf(entry) ?? ''),
    reaction: last('reaction') ?? 0,
    card: last('comment', 'edit'),
    all: Math.max(...writes().map(timeOf)) - startedAt,
  };
}

const KINDS: Record<string, string> = {
  'issues/create-comment': 'comment',
  'issues/update-comment': 'edit',
  'reactions/delete-for-issue-comment': 'eyes away',
  'repos/create-deployment': 'deployment',
  'repos/create-deployment-status': 'status',
  'checks/create': 'check',
  'checks/update': 'check',
  graphql: 'minimise',
};

/** Undefined: it writes nothing that counts. */
function kindOf({ method, operation = '', body, auth }: Logged): string | undefined {
  if (auth !== 'installation' || method === 'GET') return undefined;
  if (operation.startsWith('reactions/create')) return body.includes('"eyes"') ? 'eyes' : 'reaction';
  return KINDS[operation] ?? operation;
}

/** Of the pull request that it is written to, by what its address or its body names. */
function numberOf({ world }: FakeGitHub, { path, body }: Logged): number | undefined {
  const [, kind, id] = /\/(issues|comments|deployments|check-runs)\/(\d+)(?:[/?]|$)/.exec(path) ?? [];
  const said = (body ? JSON.parse(body) : {}) as Partial<Said>;
  const ofHead = (sha: string | undefined) => world.threads.find(({ head }) => head?.sha === sha)?.number;
  switch (kind) {
    case 'issues':
      return Number(id);
    case 'comments':
      return world.comments.find((one) => one.id === Number(id))?.thread.number;
    case 'deployments':
      return (world.deployments.find((one) => one.id === Number(id))?.payload as Said['payload'] | undefined)
        ?.number;
    case 'check-runs':
      return ofHead(world.checks.find((one) => one.id === Number(id))?.headSha);
    default: {
      const { node } = said.variables ?? {};
      if (node) return world.comments.find((one) => commentNodeId(one) === node)?.thread.number;
      return said.payload?.number ?? ofHead(said.head_sha);
    }
  }
}

/** What a create says of where it belongs. */
interface Said {
  payload: { number: number };
  head_sha: string;
  variables: { node?: string };
}

const verbOf = (line: string): string => line.split(' ')[0] ?? '';

interface Summary {
  verb: string;
  /** The most of all rounds, and what they were there. */
  writes: number;
  kinds: Record<string, number>;
  reaction: Spread;
  card: Spread;
  all: Spread;
}

/** In ms. */
interface Spread {
  p50: number;
  p99: number;
}

function summaryOf(verb: string, all: Measured[]): Summary {
  const of = all.filter((one) => one.verb === verb);
  const most = of.reduce((one, other) => (other.writes.length > one.writes.length ? other : one));
  const kinds: Record<string, number> = {};
  for (const kind of most.writes) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return {
    verb,
    writes: most.writes.length,
    kinds,
    reaction: spreadOf(of.map(({ reaction }) => reaction)),
    card: spreadOf(of.flatMap(({ card }) => (card === undefined ? [] : [card]))),
    all: spreadOf(of.map((one) => one.all)),
  };
}

function spreadOf(times: number[]): Spread {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99) };
}

function showRow({ verb, writes, kinds, reaction, card, all }: Summary): string {
  const spans = Object.entries({ reaction, card, all }).map(
    ([what, { p50, p99 }]) => `${what} ${(p50 / 1000).toFixed(2)} / ${(p99 / 1000).toFixed(2)}`,
  );
  const shown = Object.entries(kinds).map(([kind, count]) => (count > 1 ? `${count} ${kind}` : kind));
  return `${verb.padEnd(8)}${String(writes).padStart(3)} writes  p50 / p99: ${spans.join('  ')}  (${shown.join(', ')})`;
}
