// From `npm start -- up .` to the link and to a prompt in a browser, and Sam's own share of it.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { launchBrowser } from '../test/browser.ts';
import { createDemo, runBot, type Demo } from '../tools/demo.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const ROOT = join(import.meta.dirname, '..');

interface Round {
  link: number;
  prompt: number;
  /** The same by hand: `git clone` and a login shell that answers. */
  byHand: number;
}

export async function benchBoot(): Promise<void> {
  const rounds: Round[] = [];
  for (let count = 0; count < ROUNDS; count += 1) rounds.push(await runRound());
  const show = (label: string, pick: (round: Round) => number): void => {
    const sorted = rounds.map(pick).toSorted((one, other) => one - other);
    const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
    console.log(
      `${label.padEnd(58)} median ${format(middle)}  min ${format(sorted[0] ?? 0)}  max ${format(sorted.at(-1) ?? 0)}`,
    );
  };
  console.log(`${ROUNDS} rounds; packages installed, embedded Postgres made anew each time`);
  show('npm start -- up . -> link', (round) => round.link);
  show('npm start -- up . -> prompt in the browser', (round) => round.prompt);
  show('by hand: git clone and a shell that answers', (round) => round.byHand);
  show("Sam's share of the way to the link", (round) => round.link - round.byHand);
}

async function runRound(): Promise<Round> {
  const demo = createDemo('bench');
  const byHand = measureByHand(demo);
  const browser = await launchBrowser();
  const startedAt = performance.now();
  const bot = runBot(demo, ['npm', '--prefix', ROOT, 'start', '--silent', '--', 'up', demo.repository]);
  try {
    const link = await bot.link;
    const linkedAt = performance.now();
    const page = await browser.newPage();
    await page.goto(link);
    await page.locator('.pane:not([hidden]) .xterm-rows', { hasText: /[$#%>]\s*$/m }).waitFor();
    const promptedAt = performance.now();
    return { link: linkedAt - startedAt, prompt: promptedAt - startedAt, byHand };
  } finally {
    await browser.close();
    await bot.stop();
    demo.remove();
  }
}

function measureByHand(demo: Demo): number {
  const startedAt = performance.now();
  execFileSync('git', ['clone', '-q', demo.repository, join(demo.folder, 'by-hand')]);
  execFileSync('bash', ['-lc', 'true'], { cwd: join(demo.folder, 'by-hand') });
  return performance.now() - startedAt;
}

const format = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
