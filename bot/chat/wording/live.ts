// What the terminal's page says of a workspace while there is nothing to type into. Knows no page and no row.
import { keptWords } from '../times.ts';
import { lookOf, type CardView } from '../view.ts';
import { wordFailure } from './failures.ts';
import { wordNotices } from './notices.ts';
import type { Say } from './words.ts';

/** `next`: one command, without a trigger. */
export interface LiveWords {
  title: string;
  text: string;
  next?: string;
}

/** The verbs of a page's buttons. */
export type Press = 'start' | 'retry';

/** What stands on them. */
export const PRESSES: Record<Press, string> = { start: 'Start', retry: 'Retry' };

export function wordLive(view: CardView, say: Say): LiveWords {
  const { title, text, next } = wordLook(view, say);
  const notices = view.failure === undefined ? wordNotices(view.notices, say) : '';
  return { title, text: [notices, text].filter(Boolean).join(' '), ...(next && { next }) };
}

function wordLook(view: CardView, say: Say): LiveWords {
  const { name } = view;
  const look = lookOf(view);
  switch (look) {
    case 'queued':
    case 'provisioning':
    case 'preparing':
      return { title: 'The workspace is getting ready', text: `Now: ${view.doing}.` };
    case 'running':
      return { title: 'The workspace runs', text: '', next: `open ${name}` };
    case 'stopping':
      return {
        title: 'The workspace is being stopped',
        text: 'Its files are kept; the programs in its terminals end.',
      };
    case 'stopped':
      return {
        title: 'The workspace was stopped',
        text: `${keptWords(view)} The programs in its terminals have ended.`,
        next: `start ${name}`,
      };
    case 'deleting':
      return { title: 'The workspace is being deleted', text: 'Its files and its terminals are going.' };
    case 'deleted':
      return {
        title: 'The workspace was deleted',
        text: 'Its files and its terminals are gone. This lists those that you have:',
        next: 'list',
      };
    case 'failed':
      return wordFailed(view, say);
    case 'silent':
      return { title: 'The machine does not answer', text: '', next: `status ${name}` };
    default:
      return look satisfies never;
  }
}

function wordFailed({ failure = null, name }: CardView, say: Say): LiveWords {
  const { text, side, next } = wordFailure(failure, name, say);
  return { title: 'The workspace failed', text: `${text} (${side})`, next };
}
