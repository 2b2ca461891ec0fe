// What a new workspace is called: short, unique among its owner's, easy to type; and what it is for. Pure.
import { UserError } from '../errors.ts';
import { isValidName } from '../commands/parser/names.ts';

/** What it is for. `goal`: `pr:412`, `issue:7`. */
interface Purpose {
  label: string;
  goal?: string;
}

/** The pull request or issue, `acme/api#412`; null: it is for neither. */
export const topicOf = ({ label, goal }: Purpose): string | null =>
  goal ? `${label}#${numberOf(goal)}` : null;

const numberOf = (goal: string | undefined): string | undefined => goal?.split(':')[1];

/** The name that `line` asks for, or one made of what it is for. Throws UserError if the one asked for is taken. */
export function chooseName(
  asked: string | undefined,
  purpose: Purpose,
  taken: ReadonlySet<string>,
  line: string,
): string {
  if (asked === undefined) return firstFree(baseOf(purpose), taken);
  const rest = line.replace(/\s*--name[\s=]+\S+/, '');
  if (taken.has(asked)) throw takenName(asked, taken, `${rest} --name`);
  return asked;
}

/** `line`: the command up to the name. */
export const takenName = (name: string, taken: ReadonlySet<string>, line: string): UserError =>
  new UserError('name-taken', { name, line: `${line} ${firstFree(name, taken)}` });

function firstFree(base: string, taken: ReadonlySet<string>): string {
  for (let count = 2, name = base; ; name = `${base}-${count++}`) if (!taken.has(name)) return name;
}

/** `api` or, for a pull request or issue, `api-412`. */
function baseOf({ label, goal }: Purpose): string {
  const last = label.split('/').at(-1) ?? label;
  const number = numberOf(goal);
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
