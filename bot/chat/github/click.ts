// What the last press of a check's button led to: the check itself says it, because GitHub shows no other answer.
import { Event } from './events.ts';
import { labelOfButton } from './render-signals.ts';
import type { ParseContext } from '../../commands/parser/parsed.ts';
import { joined, wordAnswer } from '../wording.ts';
import { voiceIn } from './render.ts';
import { readClick as storeReadClick } from '../store/recent-messages.ts';
import type { Executor } from '../../database/types.ts';

export interface Press {
  by: string;
  button: string;
  text: string;
}

/** Undefined: nobody pressed any lately, or what it did can be seen anyhow. */
export async function readClick(
  db: Executor,
  workspace: string,
  context: ParseContext,
): Promise<Press | undefined> {
  const pressed = await storeReadClick(db, 'github', workspace);
  const event = Event.safeParse(pressed?.payload).data;
  if (!pressed || event?.kind !== 'button') return undefined;
  // A check has no way to send a browser anywhere.
  const where = pressed.answer.link === 'now' ? 'the link **Open terminal** on this page leads there.' : '';
  const text = joined(wordAnswer(pressed.answer, voiceIn(context), context)) || where;
  return text ? { by: event.sender.login, button: labelOfButton(event.identifier), text } : undefined;
}
