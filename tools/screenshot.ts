// `npm run screenshot`: the page as people see it, for the README. Needs Chromium, as the browser tests do.
import { join } from 'node:path';
import { launchBrowser } from '../test/browser.ts';
import { createDemo, runBot } from './demo.ts';

const target = join(import.meta.dirname, '../docs/terminal.png');
const demo = createDemo('greeter');
const bot = runBot(demo, [
  process.execPath,
  join(import.meta.dirname, '../bot/main.ts'),
  'up',
  demo.repository,
]);
const browser = await launchBrowser();
try {
  const context = await browser.newContext({
    viewport: { width: 1000, height: 560 },
    deviceScaleFactor: 2,
    colorScheme: 'dark',
  });
  const page = await context.newPage();
  await page.goto(await bot.link);
  const screen = page.locator('.pane:not([hidden]) .xterm-rows');
  await screen.waitFor();
  await page.locator('.pane:not([hidden]) .xterm-helper-textarea').focus();
  for (const line of ["PS1='$ '; clear", 'git log --oneline', 'ls -R', 'cat src/greet.ts', 'echo ready']) {
    await page.keyboard.type(`${line}\n`);
  }
  await screen.getByText('ready', { exact: true }).waitFor();
  await page.screenshot({ path: target });
  console.log(`written: ${target}`);
} finally {
  await browser.close();
  await bot.stop();
  demo.remove();
}
