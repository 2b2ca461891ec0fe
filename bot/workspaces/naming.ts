// What a new workspace is called: short, unique among its owner's, easy to type. Pure.
import { UserError } from '../errors.ts';
import { isValidName } from '../commands/parser/names.ts';
import type { Say } from '../commands/say.ts';
import type { Repository } from '../forges/forge.ts';

/** The name that `line` asks for, or one made of the repository. Throws UserError if the one asked for is taken. */
export function chooseName(
  asked: string | undefined,
  repository: Repository,
  taken: ReadonlySet<string>,
  line: string,
  say: Say,
): string {
  if (asked === undefined) return firstFree(baseOf(repository), taken);
  const rest = line.replace(/\s*--name[\s=]+\S+/, '');
  if (taken.has(asked)) throw takenName(asked, taken, `${rest} --name`, say);
  return asked;
}

/** `line`: the command up to the name. */
export function takenName(name: string, taken: ReadonlySet<string>, line: string, say: Say): UserError {
  return new UserError(
    'name-taken',
    `You already have a workspace called \`${name}\`. Take another name: ${say(`${line} ${firstFree(name, taken)}`)}.`,
  );
}

function firstFree(base: string, taken: ReadonlySet<string>): string {
  for (let count = 2, name = base; ; name = `${base}-${count++}`) if (!taken.has(name)) return name;
}

/** `api` or, for a pull request or issue, `api-412`. */
function baseOf({ label, goal }: Repository): string {
  const last = label.split('/').at(-1) ?? label;
  const number = goal?.split(':')[1];
  const name = toAscii(last)
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 40);
  const base = isValidName(name) ? name : `${name || 'workspace'}-ws`;
  return number ? `${base}-${number}` : base;
}

const LETTERS: Record<string, string> = { ß: 'ss', æ: 'ae', ø: 'o', ł: 'l' };

/** Letters without their marks: `Grüße` is `Grusse`. What has no such letter stays. */
const toAscii = (text: string): string =>
  text
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[ßæøł]/g, (letter) => LETTERS[letter] ?? '');
