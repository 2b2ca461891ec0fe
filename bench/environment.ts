// From `up` on a running node to a prompt in a container, beside `docker run` of the same image and beside the raw steps by hand: an
// engine of its own, a whole bot, a browser. `ROUNDS=20` for more, `IMAGE=default` without a configuration of the repository's own.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openPty } from '../agent/sessions/pty-native.ts';
import { launchBrowser } from '../test/browser.ts';
import { BASE, findNoEngine, startEngine, type TestEngine } from '../test/machines/engine.ts';
import { createDemo, endLocalNodes, type Demo } from '../tools/demo.ts';
import { intervalOf, median } from './medians.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 7);
const IS_DEFAULT = process.env['IMAGE'] === 'default';
const MAIN = join(import.meta.dirname, '../bot/main.ts');
const CLI = join(
  dirname(createRequire(import.meta.url).resolve('@devcontainers/cli/package.json')),
  'devcontainer.js',
);

/** In ms. */
interface Round {
  /** `docker run` of the image, until its shell prompts. */
  raw: number;
  /** `git clone`, `devcontainer up`, `docker exec`, by hand. */
  byHand: number;
  /** The link of `up --new`. */
  link: number;
  /** Its prompt in a browser that is open. */
  prompt: number;
  /** What the node says of its steps. */
  steps: { step: string; ms: number }[];
}

export async function benchEnvironment(): Promise<void> {
  const why = findNoEngine();
  if (why !== undefined) return console.log(`no engine can run here: ${why}`);
  const engine = await startEngine({ withDebian: true });
  const demo = createDemo('bench');
  if (!IS_DEFAULT) configure(demo);
  const browser = await launchBrowser();
  const sam = startConsole(demo, engine);
  const rounds: Round[] = [];
  try {
    await sam.says(/sam> $/);
    // The node, the program's caches, the image: what a first workspace waits for.
    await runRound(demo, engine, browser, sam);
    for (let count = 0; count < ROUNDS; count += 1) rounds.push(await runRound(demo, engine, browser, sam));
  } finally {
    await sam.end();
    await browser.close();
    await engine.remove();
    demo.remove();
  }
  show(rounds);
}

function configure({ repository }: Demo): void {
  writeFileSync(join(repository, '.devcontainer.json'), JSON.stringify({ image: BASE }));
  const git = ['-C', repository, '-c', 'user.name=Sam', '-c', 'user.email=sam@example.com'];
  execFileSync('git', [...git, 'add', '-A']);
  execFileSync('git', [...git, 'commit', '-q', '-m', 'describe a container']);
}

interface Console {
  type: (line: string) => void;
  /** Resolves with what matched, of all that was written since the last line was typed. */
  says: (what: RegExp) => Promise<RegExpExecArray>;
  end: () => Promise<void>;
}

/** A bot at a terminal, as a person has it: it takes one line after the other. */
function startConsole({ folder, repository }: Demo, engine: TestEngine): Console {
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir, { recursive: true });
  const more = { DATA_DIR: dataDir, PORT: '0', TERM: 'dumb', ...(IS_DEFAULT && { DEFAULT_IMAGE: BASE }) };
  const run = watch(process.execPath, [MAIN], { ...process.env, ...engine.env, ...more }, repository);
  return {
    type: (line) => run.type(`${line}\r`),
    says: run.says,
    async end() {
      run.type('exit\r');
      await run.ended;
      endLocalNodes(dataDir);
    },
  };
}

function watch(file: string, args: string[], env: NodeJS.ProcessEnv, cwd: string) {
  let text = '';
  const waiting = new Set<() => void>();
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const known = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const pty = openPty({
    file,
    args,
    env: Object.fromEntries(known),
    cwd,
    cols: 200,
    rows: 50,
    onBytes(bytes, length) {
      text += bytes.toString('utf8', 0, length);
      for (const look of waiting) look();
    },
    onEnd: () => resolve(),
  });
  return {
    ended,
    type(words: string) {
      text = '';
      pty.write(Buffer.from(words));
    },
    says: (what: RegExp) =>
      new Promise<RegExpExecArray>((found) => {
        const look = () => {
          const match = what.exec(text);
          if (match) found(match);
          if (match) waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}

async function runRound(demo: Demo, engine: TestEngine, browser: Browser, sam: Console): Promise<Round> {
  const raw = await measureRaw(engine);
  const byHand = measureByHand(demo, engine);
  const page = await (await browser.newContext()).newPage();
  const { name, ...up } = await measureUp(page, sam, demo.repository);
  const times = { ...up, steps: readSteps(demo.folder, name) };
  await page.context().close();
  sam.type(`rm ${name} --force`);
  await sam.says(/deleted/i);
  return { raw, byHand, ...times };
}

/** Of the agent's own state of it. */
function readSteps(folder: string, id: string): Round['steps'] {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const path = found.find((one) => one.endsWith(`states/${id}.json`));
  const { steps = [] } =
    path === undefined ? {} : (JSON.parse(readFileSync(join(folder, path), 'utf8')) as Partial<Round>);
  return steps;
}

async function measureRaw({ host }: TestEngine): Promise<number> {
  const startedAt = performance.now();
  const env = { PATH: process.env['PATH'], DOCKER_HOST: host, TERM: 'xterm-256color' };
  const run = watch('docker', ['run', '--rm', '--interactive', '--tty', BASE, '/bin/bash'], env, '/');
  await run.says(PROMPT);
  const ms = performance.now() - startedAt;
  run.type('exit\r');
  await run.ended;
  return ms;
}

const PROMPT = /[$#] $/;

function measureByHand({ folder, repository }: Demo, engine: TestEngine): number {
  const at = join(folder, 'by-hand');
  const env = { ...process.env, ...engine.env, HOME: folder };
  const startedAt = performance.now();
  execFileSync('git', ['clone', '-q', repository, at]);
  const override = join(folder, 'by-hand.json');
  writeFileSync(override, JSON.stringify({ image: BASE }));
  const up = ['up', '--workspace-folder', at, '--override-config', override, '--id-label', 'bench=by-hand'];
  const said = execFileSync(process.execPath, [CLI, ...up], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const { containerId } = JSON.parse(said.toString().trim().split('\n').at(-1) ?? '{}') as {
    containerId: string;
  };
  execFileSync('docker', ['exec', containerId, '/bin/bash', '-lc', 'true'], { env });
  const ms = performance.now() - startedAt;
  engine.docker('rm', '--force', containerId);
  rmSync(at, { recursive: true, force: true });
  return ms;
}

async function measureUp(page: Page, sam: Console, repository: string) {
  const startedAt = performance.now();
  sam.type(`up ${repository} --new`);
  const [, address = '', id = ''] = await sam.says(/(http:\/\/\S+\/w\/(ws-[a-z2-7]{12})#[\w-]+)/);
  const link = performance.now() - startedAt;
  await page.goto(address);
  await page.locator('.pane:not([hidden]) .xterm-rows', { hasText: /[$#]\s*$/m }).waitFor();
  return { link, prompt: performance.now() - startedAt, name: id };
}

function show(rounds: Round[]): void {
  const of = (pick: (round: Round) => number) => rounds.map(pick);
  const line = (label: string, values: number[], unit: (value: number) => string) => {
    const [low, high] = intervalOf(values);
    console.log(
      `${label.padEnd(66)} median ${unit(median(values))}  95 % ${unit(low)} … ${unit(high)}  min ${unit(Math.min(...values))}`,
    );
  };
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
  const times = (ratio: number) => `${ratio.toFixed(2)} x`;
  console.log(`${rounds.length} rounds after one to warm up; all of a round in turn, on the same engine`);
  line(
    'docker run of the image -> prompt',
    of((one) => one.raw),
    seconds,
  );
  line(
    'by hand: git clone, devcontainer up, docker exec',
    of((one) => one.byHand),
    seconds,
  );
  line(
    'up on a running node -> link',
    of((one) => one.link),
    seconds,
  );
  line(
    'up on a running node -> prompt in the browser',
    of((one) => one.prompt),
    seconds,
  );
  line(
    'prompt beyond docker run (goal: at most 0.70 s)',
    of((one) => one.prompt - one.raw),
    seconds,
  );
  line(
    "Sam's own share beyond the steps by hand (goal: at most 1.00 s)",
    of((one) => one.prompt - one.byHand),
    seconds,
  );
  for (const [step, values] of stepsOf(rounds)) line(`of that, on the node: ${step}`, values, seconds);
  line(
    'prompt / docker run',
    of((one) => one.prompt / one.raw),
    times,
  );
  line(
    'prompt / by hand',
    of((one) => one.prompt / one.byHand),
    times,
  );
  line(
    'link / by hand',
    of((one) => one.link / one.byHand),
    times,
  );
}

/** Of each step its times, round by round. */
function stepsOf(rounds: Round[]): [string, number[]][] {
  const names = [...new Set(rounds.flatMap(({ steps }) => steps.map(({ step }) => step)))];
  return names.map((name) => [
    name,
    rounds.map(({ steps }) => steps.find(({ step }) => step === name)?.ms ?? 0),
  ]);
}
