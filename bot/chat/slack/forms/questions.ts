// Buttons that open a form, where none could be opened: what they ask for, in words. Pure. Knows no workspace.
import type { Answer, Delivery } from '../../../database/types.ts';
import { QUESTION } from '../render.ts';
import { Event } from '../request.ts';

/** Undefined: the request is none of those. `command`: what people type, `/sam`. */
export function askBack(command: string, delivery: Delivery): Answer | undefined {
  const event = Event.parse(delivery.payload);
  if (event.kind !== 'button' || !event.line.startsWith(QUESTION)) return undefined;
  const [verb = '', about = ''] = event.line.slice(QUESTION.length).split(' ');
  return ask(verb, about, command);
}

function ask(verb: string, about: string, command: string): Answer {
  switch (verb) {
    case 'new':
      return {
        ok: false,
        code: 'no-form',
        text: `The form did not open; Slack gives only three seconds for it. Try it again, or say it in a channel: \`${command} up ${about || 'owner/name'}\`.`,
      };
    case 'rename':
      return {
        ok: true,
        code: 'ok',
        text: `Say it with the new name: \`${command} rename ${about} NEW-NAME\`.`,
      };
    case 'rm':
      return {
        ok: true,
        code: 'confirm',
        text: `Delete \`${about}\` and its files? If something in it was not pushed, I say so first and delete nothing.`,
      };
    default:
      return { ok: false, code: 'no-form', text: `I know no such button. What works: \`${command} help\`.` };
  }
}
