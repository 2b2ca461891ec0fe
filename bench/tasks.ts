// Work from the chat: how long Sam takes from a prompt to the first words of a coding agent on the page, and to the first edit in the
// thread. The coding agent is a script that answers at once; what it takes by itself is measured beside it, and taken off.
// `ROUNDS=30` for more of each.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { launchBrowser } from '../test/browser.ts';
import type { Comment, Thread } from '../test/fakes/github/github.ts';
import { placeScript } from '../test/testers/scripted-claude.ts';
import { timingFrom } from '../bot/workspaces/timing.ts';
import { openScene, type Scene } from './scene.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 15);
/** Each waits until a card may be edited as often as one round wants. */
const THREAD_ROUNDS = Math.min(ROUNDS, 6);
const GIVE_UP_MS = 60_000;
const QUIET_MS = 3 * timingFrom().cardPaceMs;
const SCRIPT = join(import.meta.dirname, '../test/fakes/coding-agent.mjs');
/** Nobody asks a model with it. */
const KEY = 'sk-ant-api03-bench-0123456789abcdefghijklmnopqrstuvwxyz';
const FIELD = 'What Claude Code is to do';

const ENV = {
  NPM_REGISTRY: 'http://127.0.0.1:9',
  ANTHROPIC_BASE_URL: 'http://127.0.0.1:9',
  MAX_ASKS_PER_HOUR: '0',
};

export async function benchTasks(): Promise<void> {
  const own = await measureAlone();
  const scene = await openScene(ENV);
  const browser = await launchBrowser();
  try {
    const pull = await scene.github.addPullRequest('acme/api', { by: 'bob', branch: 'topic' });
    const link = await bringUp(scene, pull);
    placeScript(nodeOf(scene));
    const page = await arrive(scene, await browser.newPage(), link);
    const onPage = await measureOnPage(page);
    const inThread = await measureInThread(scene, pull);
    show('the coding agent alone', own);
    show('prompt -> its first words on the page', onPage);
    show('comment -> first edit in the thread', inThread);
    console.log(
      `Sam's share, p50: page ${shareOf(onPage, own)} ms (goal: at most 300), thread ${shareOf(inThread, own)} ms (goal: at most 1000)`,
    );
  } finally {
    await browser.close();
    await scene.close();
  }
}

const nodeOf = ({ dataDir }: Scene): string => {
  const nodes = join(dataDir, 'nodes');
  return join(nodes, readdirSync(nodes).find((name) => name.startsWith('vm-')) ?? '');
};

/** The link of the workspace. */
async function bringUp({ github }: Scene, pull: Thread): Promise<string> {
  await github.comment(pull, 'bob', '@sam up');
  return wait('a running workspace', () => {
    const card = github.commentsOn(pull).find(({ byApp, body }) => byApp && body.includes('running'));
    return card && /https?:[^\s)]+\/w\/[^\s)]+/.exec(card.body)?.[0];
  });
}

/** Signed in as bob, whose key is there, with the tab shown. */
async function arrive({ github }: Scene, page: Page, link: string): Promise<Page> {
  github.signedInAs('bob');
  await page.goto(link);
  await page.getByRole('link', { name: 'Sign in with GitHub', exact: true }).click();
  await page.locator('#state').getByText('Connected').waitFor();
  const { origin } = new URL(page.url());
  const left = await page.request.post(`${origin}/api/credentials`, {
    headers: { origin },
    data: { provider: 'anthropic', value: KEY },
  });
  if (!left.ok()) throw new Error(`the key was not taken: ${await left.text()}`);
  await page.getByRole('tab', { name: 'Task' }).click();
  return page;
}

/** In ms, by the clock of the page: from the key that sends it until its words are drawn. The first one starts the coding agent. */
async function measureOnPage(page: Page): Promise<number[]> {
  const times: number[] = [];
  const field = page.getByRole('textbox', { name: FIELD });
  for (let round = -1; round < ROUNDS; round++) {
    const words = `word-${round}-`;
    // What is asked stands on the page too: the words come together in the answer alone.
    await field.fill(`say ${words}\nsay here and on\nrun sleep 0.5`);
    const shown = page.evaluate<number>(watchFor(`${words}here`));
    await field.press('Enter');
    const took = await shown;
    if (round >= 0) times.push(took);
    await page.locator('article').last().getByText('Done', { exact: true }).waitFor();
  }
  return times;
}

/** Runs in the page; as text, because the types of a browser are not here. */
const watchFor = (words: string): string => `new Promise((resolve) => {
  let askedAt = Number.NaN;
  addEventListener('keydown', () => (askedAt = performance.now()), { once: true, capture: true });
  const watcher = new MutationObserver(() => {
    if (!document.body.textContent.includes(${JSON.stringify(words)})) return;
    watcher.disconnect();
    resolve(performance.now() - askedAt);
  });
  watcher.observe(document.body, { childList: true, subtree: true, characterData: true });
})`;

/** In ms: from the comment until what it does stands in the thread. */
async function measureInThread({ github, timeOf }: Scene, pull: Thread): Promise<number[]> {
  const times: number[] = [];
  for (let round = -1; round < THREAD_ROUNDS; round++) {
    await delay(QUIET_MS);
    const [before, startedAt, plan] = [github.log.length, performance.now(), `step-${round}-of-it`];
    const { comment } = await github.comment(pull, 'bob', `@sam ask\nplan ${plan}\nrun sleep 5\nsay ready`);
    const edit = await wait('an edit', () =>
      github.log
        .slice(before)
        .find(({ operation, body }) => operation === 'issues/update-comment' && body.includes(plan)),
    );
    if (round >= 0) times.push(timeOf(edit) - startedAt);
    await wait('the answer', () => isAnswered(github.reactionsOn(comment)));
    await wait('the answer', () => github.commentsOn(pull).some((one) => isAfter(one, comment)));
  }
  return times;
}

const isAnswered = (signs: string[]): boolean => signs.some((sign) => sign !== 'eyes');
const isAfter = ({ id, byApp, body }: Comment, asked: Comment): boolean =>
  byApp && id > asked.id && body.includes('ready');

/** In ms: from a prompt to its first words, over the same pipe that Sam uses, in a conversation that is there. */
async function measureAlone(): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sam-bench-'));
  const child = spawn(process.execPath, [SCRIPT, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const say = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const next = async (isIt: (message: Heard) => boolean): Promise<Heard> => {
    for (;;) {
      const message = JSON.parse((await lines.next()).value as string) as Heard;
      if (isIt(message)) return message;
    }
  };
  try {
    say({ id: 1, method: 'session/new', params: { cwd: folder, mcpServers: [] } });
    const { result } = await next(({ id }) => id === 1);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const startedAt = performance.now();
      const prompt = [{ type: 'text', text: 'say word' }];
      say({ id: round + 2, method: 'session/prompt', params: { sessionId: result?.sessionId, prompt } });
      await next(({ method }) => method === 'session/update');
      times.push(performance.now() - startedAt);
      await next(({ id }) => id === round + 2);
    }
    return times;
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Heard {
  id?: number;
  method?: string;
  result?: { sessionId?: string };
}

async function wait<T>(what: string, look: () => T | undefined | false): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const found = look();
    if (found) return found;
    if (performance.now() - startedAt > GIVE_UP_MS) throw new Error(`there was no sign of ${what}`);
    await delay(5);
  }
}

const at = (times: number[], share: number): number =>
  times.toSorted((one, other) => one - other)[Math.min(times.length - 1, Math.floor(times.length * share))] ??
  0;

const shareOf = (all: number[], own: number[]): string => (at(all, 0.5) - at(own, 0.5)).toFixed(0);

function show(what: string, times: number[]): void {
  const [p50, p95] = [0.5, 0.95].map((share) => at(times, share).toFixed(1));
  console.log(`${what.padEnd(40)} ${times.length} times, p50 ${p50} ms, p95 ${p95} ms`);
}
