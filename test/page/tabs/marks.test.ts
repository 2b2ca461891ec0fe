// What a shell says of its prompts and commands, in a real browser: how they ended, where they are, and that a long one is over.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { eventually, type Visitor } from '../visitor.ts';
import { PROMPT, useVisits } from '../visits.ts';

const visits = useVisits();
const tab = ({ page }: Visitor, at: number) => page.getByRole('tab').nth(at);

describe.skipIf(browserMissing)('a shell that says where its prompts are', { timeout: 120_000 }, () => {
  let ann: Visitor;
  beforeEach(async () => {
    visits.site.marksPrompts = true;
    ann = await visits.arrive();
  });

  /** Its clock goes so much faster while nobody looks: nobody waits here for as long as that takes. */
  const skip = (ms: number) =>
    ann.page.evaluate((more) => {
      const now = performance.now.bind(performance);
      performance.now = () => now() + more;
    }, ms);
  const signal = (name: string) => writeFileSync(path.join(visits.site.folder, name), '');

  test('has a bar beside each command that says how it ended, and its own status is what it was', async () => {
    await ann.run('true');
    await ann.run('(exit 3)');
    await ann.run('echo status-$?');
    await ann.sees(/^status-3$/m);
    const bars = ann.page.locator('.exit');
    await eventually(() => bars.count()).toBe(3);
    const titles = await bars.evaluateAll((all) => all.map((one) => (one as HTMLElement).title));
    expect(titles).toEqual(['Exit status 0', 'Exit status 3', 'Exit status 0']);
    expect(await ann.page.locator('.exit.bad').count()).toBe(1);
    await ann.page.keyboard.press('Enter');
    await ann.run('echo again-$((1+1))');
    await ann.sees('again-2');
    await eventually(() => bars.count()).toBe(4);
  });

  test('is gone through prompt by prompt, where there are any; else the keys are the program’s', async () => {
    for (const name of ['one', 'two']) {
      await ann.run(`echo ${name}; seq 100; echo $((1+1))-${name}`);
      await eventually(ann.screen).toMatch(new RegExp(`^2-${name}\napi-412 \\$$`, 'm'));
    }
    await ann.page.keyboard.press('Control+Shift+ArrowUp');
    await eventually(ann.screen).toMatch(/^api-412 \$ echo two/);
    await ann.page.keyboard.press('Control+Shift+ArrowUp');
    await eventually(ann.screen).toMatch(/^api-412 \$ echo one/);
    await ann.page.keyboard.press('Control+Shift+ArrowDown');
    await eventually(ann.screen).toMatch(/^api-412 \$ echo two/);
    await ann.page.keyboard.press('Control+Shift+ArrowDown');
    await eventually(ann.screen).toMatch(/^2-two\napi-412 \$$/m);
    await ann.run(String.raw`printf '\e[?1049h\e[Hin''side\n'; cat -v`);
    await ann.sees(/^inside$/m);
    await ann.page.keyboard.press('Control+Shift+ArrowUp');
    await ann.page.keyboard.press('Enter');
    await ann.sees('^[[1;6A');
  });

  test('marks a tab that nobody sees when a long command ends in it, and how', async () => {
    await ann.page.getByRole('button', { name: 'New terminal' }).click();
    await eventually(() => ann.page.getByRole('tab').count()).toBe(2);
    await ann.sees(PROMPT);
    const runHidden = async (line: string, name: string) => {
      await tab(ann, 0).click();
      await ann.run(
        `${line} echo begun-${name}; until [ -e ${name} ]; do sleep 0.05; done; [ ${name} = good ]`,
      );
      await ann.sees(new RegExp(`^begun-${name}$`, 'm'));
      await tab(ann, 1).click();
    };
    await runHidden('', 'good');
    signal('good');
    await eventually(() => tab(ann, 0).getAttribute('class')).toContain('news');
    // It did not take long.
    expect(await tab(ann, 0).getAttribute('class')).not.toMatch(/done|failed/);
    await runHidden('', 'bad');
    await skip(60_000);
    signal('bad');
    await eventually(() => tab(ann, 0).getAttribute('class')).toContain('failed');
    expect(await tab(ann, 0).textContent()).toContain('its command failed');
    await tab(ann, 0).click();
    expect(await tab(ann, 0).getAttribute('class')).not.toContain('failed');
  });

  test('says in the browser’s own tab that a long command is over', async () => {
    await ann.run('echo begun; until [ -e go ]; do sleep 0.05; done');
    await ann.sees(/^begun$/m);
    await ann.see('hidden');
    await skip(60_000);
    signal('go');
    await eventually(() => ann.page.title()).toBe('✓ · api-412 · acme/api');
    await ann.see('visible');
    await eventually(() => ann.page.title()).toBe('api-412 · acme/api');
  });

  test('may say it as often as it likes: nothing grows without an end', async () => {
    await ann.run(
      String.raw`for i in {1..5000}; do printf '\e]133;A\a\e]133;C\a\e]133;D;1\a\n'; done; echo over`,
    );
    await ann.sees(/^over$/m);
    expect(await ann.page.locator('.xterm-decoration').count()).toBeLessThan(1_100);
    await ann.run('echo here-$((1+1))');
    await ann.sees('here-2');
  });
});
