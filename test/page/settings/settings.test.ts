// What a person may have otherwise than others, in a real browser: kept by the browser, from now on and after a reload.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { eventually, type Visitor } from '../visitor.ts';
import { PROMPT, useVisits } from '../visits.ts';

const visits = useVisits();
const { arrive } = visits;

async function openSettings({ page }: Visitor) {
  await page.getByRole('button', { name: 'Settings and keys' }).click();
  return page.getByRole('dialog');
}

/** Until what is typed goes to the terminal again. */
async function closeSettings({ page }: Visitor) {
  await page.keyboard.press('Escape');
  await eventually(() => page.locator('.pane:not([hidden]) textarea:focus').count()).toBe(1);
}

describe.skipIf(browserMissing)('what a person wants of a bell', { timeout: 120_000 }, () => {
  test('is a mark, a sound beside it, or nothing', async () => {
    const ann = await arrive();
    // Counts what would sound.
    await ann.page.evaluate(() => {
      const start = Reflect.get(OscillatorNode.prototype, 'start') as (at?: number) => void;
      OscillatorNode.prototype.start = function (at) {
        document.body.dataset['tones'] = String(Number(document.body.dataset['tones'] ?? 0) + 1);
        start.call(this, at);
      };
    });
    const tones = () => ann.page.locator('body').getAttribute('data-tones');
    const ring = async (word: string) => {
      await ann.run(`printf "\\a"; echo ${word}-$((1+1))`);
      await ann.sees(`${word}-2`);
    };
    await ring('mark');
    expect(await tones()).toBe(null);
    await (await openSettings(ann)).getByLabel('A bell').selectOption('sound');
    await closeSettings(ann);
    await ring('sound');
    await eventually(tones).toBe('1');
    await (await openSettings(ann)).getByLabel('A bell').selectOption('off');
    await closeSettings(ann);
    await ann.see('hidden');
    await ring('off');
    expect(await tones()).toBe('1');
    expect(await ann.page.title()).toBe('api-412 · acme/api');
    await ann.see('visible');
    await ann.page.reload();
    await ann.sees(PROMPT);
    expect(await (await openSettings(ann)).getByLabel('A bell').inputValue()).toBe('off');
  });
});

describe.skipIf(browserMissing)('a paste of more than a megabyte', { timeout: 240_000 }, () => {
  const TEXT = `${'a line of some sixty characters, over and over again, until…\n'.repeat(40_000)}`;

  async function paste(ann: Visitor, text: string): Promise<void> {
    await ann.page.evaluate((pasted) => {
      const field = document.querySelector('.pane:not([hidden]) .xterm-helper-textarea');
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', pasted);
      field?.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData }));
    }, text);
  }

  const pasted = () => {
    try {
      return readFileSync(path.join(visits.site.folder, 'pasted'), 'utf8');
    } catch {
      return '';
    }
  };

  test('is asked about, and then arrives whole, in one bracketed piece, before what is typed meanwhile', async () => {
    const ann = await arrive();
    await ann.run(
      String.raw`stty raw -echo; printf '\e[?2004h'; echo re''ady; head -c ${Buffer.byteLength(TEXT) + 13} > pasted; stty sane; echo do''ne`,
    );
    await ann.sees(/^ready$/m);
    await paste(ann, TEXT);
    const dialog = ann.page.getByRole('dialog');
    await eventually(() => dialog.locator('h2').textContent()).toBe('Paste 2.5 MB?');
    await dialog.getByRole('button', { name: 'Paste' }).click();
    await dialog.waitFor({ state: 'detached' });
    await ann.page.keyboard.type('x');
    await ann.sees(/^\s*done$/m);
    const whole = pasted();
    expect(whole.length).toBe(TEXT.length + 13);
    expect(whole).toBe(`\u001b[200~${TEXT.replaceAll('\n', '\r')}\u001b[201~x`);
    await eventually(() => ann.page.locator('.progress').count()).toBe(0);
  });

  test('is not asked about where somebody has said so, and can be stopped', async () => {
    const ann = await arrive();
    await (await openSettings(ann)).getByLabel('Ask before more than 1 MB is pasted').uncheck();
    await closeSettings(ann);
    // It does not read: what the node queues is soon full.
    await ann.run(
      String.raw`stty raw -echo; printf '\e[?2004h'; echo re''ady; until [ -e go ]; do sleep 0.05; done; head -c 1000 > /dev/null; stty sane`,
    );
    await ann.sees(/^ready$/m);
    await paste(ann, TEXT);
    const stop = ann.page.getByRole('button', { name: 'Stop: Pasting 2.5 MB' });
    await stop.waitFor();
    expect(await ann.page.getByRole('dialog').count()).toBe(0);
    await stop.click();
    await stop.waitFor({ state: 'detached' });
    expect(await ann.page.locator('#notice').textContent()).not.toContain('dropped');
  });
});
