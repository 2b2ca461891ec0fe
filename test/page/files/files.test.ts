// Files that people send to a workspace and fetch from it, in a real browser.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { browserMissing } from '../../browser.ts';
import { parseDownload, quotePath } from '../../../web-terminal/files/ways.ts';
import { cleanName } from '../../../web-terminal/files/transfers.ts';
import { eventually, phone, type Visitor } from '../visitor.ts';
import { useVisits } from '../visits.ts';

const hash = (body: Buffer) => createHash('sha256').update(body).digest('hex');

describe('what is said of files', () => {
  test('is a path, or nothing', () => {
    const said = (text: string) => `download;${Buffer.from(text).toString('base64')}`;
    expect(parseDownload(said('/tmp/ä b'))).toBe('/tmp/ä b');
    const others = ['', 'download;', 'download;!', 'upload;YQ==', said('a\0b'), said('x'.repeat(9_000))];
    expect(others.map(parseDownload)).toEqual(others.map(() => undefined));
  });

  test('is a name without folders, and quoted as a shell takes it', () => {
    expect(['../../etc/passwd', String.raw`C:\x\y.txt`, '..', 'a\nb', ''].map(cleanName)).toEqual([
      'passwd',
      'y.txt',
      'file',
      'ab',
      'file',
    ]);
    expect([quotePath('/a/b-1.txt'), quotePath("/it's; rm")]).toEqual([
      '/a/b-1.txt',
      String.raw`'/it'\''s; rm'`,
    ]);
  });
});

const visits = useVisits();
let ann: Visitor;
let folder: string;
beforeEach(() => void ({ folder } = visits.site));

const read = (name: string) => readFileSync(path.join(folder, name));
const offer = () => ann.page.locator('#offer');

/** From now on nothing of a file leaves the page: it stays where it is. */
const holdPieces = () =>
  ann.page.evaluate(() => {
    const send = Reflect.get(WebSocket.prototype, 'send') as (data: unknown) => void;
    WebSocket.prototype.send = function (data) {
      if (!(data instanceof Uint8Array && data[0] === 3)) send.call(this, data);
    };
  });

/** By the menu and the browser's own dialog. */
async function choose(...files: { name: string; buffer: Buffer }[]): Promise<void> {
  const chooser = ann.page.waitForEvent('filechooser');
  await ann.page.getByRole('button', { name: 'Terminals and files' }).click();
  await ann.page.getByRole('menuitem', { name: 'Upload files…' }).click();
  const chosen = files.map((file) => ({ mimeType: 'application/octet-stream', ...file }));
  await (await chooser).setFiles(chosen);
}

describe.skipIf(browserMissing)('a file that goes up, in a browser', { timeout: 120_000 }, () => {
  test('one goes up whole, beside what has its name, and its path can be typed', async () => {
    ann = await visits.arrive();
    const buffer = randomBytes(3_000_000);
    writeFileSync(path.join(folder, "it's a.bin"), 'mine');
    await choose({ name: "it's a.bin", buffer });
    await offer().getByText("it's a (1).bin").waitFor();
    expect(hash(read("it's a (1).bin"))).toBe(hash(buffer));
    expect(String(read("it's a.bin"))).toBe('mine');
    await ann.page.keyboard.type('wc -c < ');
    await offer().getByRole('button', { name: 'Type the path' }).click();
    await ann.page.keyboard.press('Enter');
    await ann.sees(/^3000000$/m);
    expect(await ann.page.locator('.progress').count()).toBe(0);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('several are dropped or pasted at once, the empty one among them', async () => {
    ann = await visits.arrive();
    const put = (type: 'drop' | 'paste', names: string[]) =>
      ann.page.locator('.pane:not([hidden]) .xterm-screen').evaluate(
        (screen, [kind, all]) => {
          const carried = new DataTransfer();
          for (const name of all) carried.items.add(new File([name === 'empty' ? '' : name], name));
          const init = { bubbles: true, cancelable: true };
          screen.dispatchEvent(
            kind === 'drop'
              ? new DragEvent('drop', { ...init, dataTransfer: carried })
              : new ClipboardEvent('paste', { ...init, clipboardData: carried }),
          );
        },
        [type, names] as const,
      );
    await put('drop', ['one', 'two', 'three', 'four', 'five', 'six', 'empty']);
    await offer().getByText('All 7 are there now:').waitFor();
    expect(['one', 'six', 'empty'].map((name) => String(read(name)))).toEqual(['one', 'six', '']);
    await put('paste', ['image.png']);
    await offer().getByText('It is there now:').waitFor();
    expect(String(read('image.png'))).toBe('image.png');
  });

  test('one that is stopped in the middle leaves nothing behind', async () => {
    ann = await visits.arrive();
    await holdPieces();
    await choose({ name: 'large', buffer: Buffer.alloc(5_000_000) });
    const stop = ann.page.getByRole('button', { name: 'Stop: Uploading large' });
    await stop.waitFor();
    await eventually(() => readdirSync(folder).some((name) => name.endsWith('.part'))).toBe(true);
    await stop.click();
    await eventually(() => readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(existsSync(path.join(folder, 'large'))).toBe(false);
    expect(await ann.page.locator('.progress').count()).toBe(0);
  });
});

describe.skipIf(browserMissing)('files in a browser', { timeout: 120_000 }, () => {
  test('one comes down by sam-download, once somebody said yes, byte for byte', async () => {
    ann = await visits.arrive();
    const body = randomBytes(4_000_000);
    mkdirSync(path.join(folder, 'sub'));
    writeFileSync(path.join(folder, 'sub', 'ä b.bin'), body);
    await ann.run("sam-download missing sub/'ä b.bin'");
    await ann.sees('sam-download: missing: not a file that can be read');
    await offer().getByText('/sub/ä b.bin').waitFor();
    const download = ann.page.waitForEvent('download');
    await offer().getByRole('button', { name: 'Save it' }).click();
    const saved = await download;
    expect(saved.suggestedFilename()).toBe('ä b.bin');
    expect(hash(readFileSync(await saved.path()))).toBe(hash(body));
  });

  test('a program that offers one that is not there, or may not be read, is told of', async () => {
    ann = await visits.arrive();
    const say = (file: string) => `printf '\\e]7717;download;%s\\a' "$(printf %s ${file} | base64)"`;
    await ann.run(say('/nowhere'));
    await offer().getByRole('button', { name: 'Save it' }).click();
    await eventually(() => ann.page.locator('#notice').textContent()).toBe(
      '“nowhere”: There is no such file, or it cannot be read.',
    );
  });

  test('whoever may only look sends none and fetches none', async () => {
    ann = await visits.arrive();
    visits.site.onlyLook();
    ann = await visits.arrive();
    await ann.page.getByRole('button', { name: 'Terminals and files' }).click();
    expect(await ann.page.getByRole('menuitem').allInnerTexts()).not.toContain('Upload files…');
    await ann.page.keyboard.press('Escape');
    await ann.page.locator('.pane:not([hidden]) .xterm-screen').evaluate((screen) => {
      const carried = new DataTransfer();
      carried.items.add(new File(['x'], 'x'));
      const init = { bubbles: true, cancelable: true, dataTransfer: carried };
      screen.dispatchEvent(new DragEvent('drop', init));
    });
    await eventually(() => ann.page.locator('#notice').textContent()).toBe('No files can be sent here.');
    expect(existsSync(path.join(folder, 'x'))).toBe(false);
  });

  test('a phone sends one as well', async () => {
    ann = await visits.arrive('', phone);
    await choose({ name: 'photo.jpg', buffer: Buffer.from('photo') });
    await offer().getByText('photo.jpg').waitFor();
    expect(String(read('photo.jpg'))).toBe('photo');
  });

  test('those that had arrived when the connection broke are named, though some had not begun', async () => {
    ann = await visits.arrive();
    await holdPieces();
    const empty = { name: 'small', buffer: Buffer.alloc(0) };
    const large = (at: number) => ({ name: `large-${at}`, buffer: Buffer.alloc(2_000_000) });
    await choose(empty, ...[1, 2, 3, 4].map(large));
    await ann.page.getByRole('button', { name: 'Stop: Uploading large-3' }).waitFor();
    visits.site.cut();
    await offer().getByText('It is there now:').waitFor();
    expect(await offer().locator('code').textContent()).toMatch(/small$/);
  });

  test('one that is under way when the connection breaks is said to be lost', async () => {
    ann = await visits.arrive();
    await holdPieces();
    await choose({ name: 'large', buffer: Buffer.alloc(2_000_000) });
    await ann.page.getByRole('button', { name: 'Stop: Uploading large' }).waitFor();
    visits.site.cut();
    await eventually(() => ann.page.locator('#notice').textContent()).toContain('a file did not arrive');
    await eventually(() => readdirSync(folder).filter((name) => /part$|^large/.test(name))).toEqual([]);
  });
});
