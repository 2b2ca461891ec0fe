// The image holds whatever the bot reads. That it builds and runs is tried by hand: it takes a registry of images.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PROGRAMS = ['bot', 'agent', 'web-terminal'];

/** What the sources name by its place beside them: `join(import.meta.dirname, '../../app.yml')`, or an import. */
function findNeeded(): string[] {
  const sources = PROGRAMS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile() && one.name.endsWith('.ts'))
      .map(({ parentPath, name }) => ({ parentPath, text: readFileSync(join(parentPath, name), 'utf8') })),
  );
  const named = sources.flatMap(({ parentPath, text }) =>
    [...text.matchAll(/(?:import\.meta\.dirname, | from )'(\.\.?\/[^']+)'/g)].map(([, path = '']) =>
      relative(ROOT, join(parentPath, path)),
    ),
  );
  return [...new Set(named)].filter((path) => path !== '' && existsSync(join(ROOT, path)));
}

test('the image gets every file and folder that the programs in it read', () => {
  const copied = [
    ...readFileSync(join(ROOT, 'Dockerfile'), 'utf8').matchAll(/^COPY (?!--)(.+) \S+$/gm),
  ].flatMap(([, names = '']) => names.split(' '));
  const needed = findNeeded();
  expect(needed).toEqual(expect.arrayContaining(['app.yml', 'bot/bot.ts']));
  const missing = needed.filter(
    (path) => !copied.some((name) => path === name || path.startsWith(`${name}/`)),
  );
  expect(missing.filter((path) => !path.startsWith('dist'))).toEqual([]);
});
