// A message may hold more commands than the first: the line below its answer that names the others, which did not run. Pure.
import type { Answer } from '../database/types.ts';

export function withIgnored(answer: Answer, ignored: readonly string[] = []): Answer {
  if (ignored.length === 0) return answer;
  const names = ignored.map((line) => `\`${line}\``).join(', ');
  const hint = `I run one command per message; ignored: ${names}.`;
  return { ...answer, ignored: [...ignored], text: [answer.text, hint].filter(Boolean).join('\n') };
}

/** The answer's own words, and that line; '' if there is none. Columns are shown apart from it. */
export function splitIgnored({ text, ignored }: Answer): { words: string; hint: string } {
  if (!ignored) return { words: text, hint: '' };
  const at = text.lastIndexOf('\n');
  return { words: text.slice(0, Math.max(at, 0)), hint: text.slice(at + 1) };
}
