// Did you mean: the command whose name is nearest to a mistyped word. Only ever suggests; runs nothing.
import type { CommandSpec } from '../command.ts';

/** Longer than any verb with its typos. */
const LONGEST_WORD = 24;

/**
 * The command with a name or alias at most two edits away (one for up to four letters), the nearest first. Among equals
 * one that destroys comes last, then the table's order decides.
 */
export function findNearest<Spec extends CommandSpec>(
  commands: readonly Spec[],
  word: string,
): Spec | undefined {
  const typed = word.toLowerCase();
  if (typed.length < 2 || typed.length > LONGEST_WORD) return undefined;
  const allowed = typed.length <= 4 ? 1 : 2;
  const ranked = commands
    .map((spec) => ({ spec, edits: fewestEdits(spec, typed) }))
    .filter(({ edits }) => edits <= allowed)
    .toSorted((a, b) => rank(a) - rank(b));
  return ranked[0]?.spec;
}

function rank({ spec, edits }: { spec: CommandSpec; edits: number }): number {
  return edits + (spec.destructive ? 0.5 : 0);
}

function fewestEdits({ name, aliases }: CommandSpec, typed: string): number {
  const words = [name, ...aliases].filter((word) => word.length >= 2 && !word.startsWith('-'));
  return Math.min(...words.map((word) => countEdits(word, typed)));
}

/** Damerau-Levenshtein, adjacent letters swapped as one edit. Meant for short words: time is the product of lengths. */
export function countEdits(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const edits = [
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isSwap ? at(before, column - 2) + 1 : Infinity,
      ];
      current.push(Math.min(...edits));
    }
    before = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
