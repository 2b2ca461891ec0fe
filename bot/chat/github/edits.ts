// A comment that was not understood, and was mended by an edit: edits never run, and whoever waits for one is told so.
import { parse } from '../../commands/parser/parse.ts';
import type { ParseContext } from '../../commands/parser/parsed.ts';
import type { Answer } from '../../database/types.ts';
import type { Event } from './events.ts';
import * as store from '../store.ts';
import type { Executor } from '../store.ts';

/** Undefined: nobody waits. Only for the comment's author, who was answered lately, and has a command there now. */
export async function noticeEdit(
  db: Executor,
  context: ParseContext,
  { comment, sender, text }: Extract<Event, { kind: 'edited' }>,
): Promise<((tx: Executor) => Promise<Answer | null>) | undefined> {
  const parsed = parse(text, context);
  if (parsed.kind !== 'command' || !(await store.wasMisread(db, 'github', { comment, sender })))
    return undefined;
  return () => Promise.resolve({ ok: false, code: 'edited', details: { line: parsed.line } });
}
