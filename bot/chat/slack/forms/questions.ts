// Buttons that open a form, where none could be opened: what they ask for, in words. Pure. Knows no workspace.
import type { Answer, Delivery } from '../../../database/types.ts';
import { QUESTION } from '../render.ts';
import { Event } from '../request.ts';

/** Undefined: the request is none of those. */
export function askBack({ payload }: Delivery): Answer | undefined {
  const event = Event.parse(payload);
  if (event.kind !== 'button' || !event.line.startsWith(QUESTION)) return undefined;
  const [verb = '', about = ''] = event.line.slice(QUESTION.length).split(' ');
  switch (verb) {
    case 'new':
      return { ok: false, code: 'no-form', details: { about } };
    case 'rename':
      return { ok: true, code: 'rename-how', details: { id: about } };
    case 'rm':
      return { ok: true, code: 'confirm', details: { id: about } };
    default:
      return { ok: false, code: 'no-button', details: {} };
  }
}
