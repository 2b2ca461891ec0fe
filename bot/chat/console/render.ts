// A card as lines of plain text, for the console. Pure.
import { formatSpan, formatTime, until } from '../times.ts';
import { lookOf, type CardView, type CheckItem } from '../view.ts';

const ICONS: Record<ReturnType<typeof lookOf>, string> = {
  queued: '…',
  provisioning: '…',
  preparing: '…',
  running: '✓',
  stopping: '…',
  stopped: '■',
  deleting: '…',
  deleted: '✓',
  failed: '✗',
  silent: '!',
};

const MARKS: Record<CheckItem['state'], string> = { done: '✓', doing: '…', todo: '·', failed: '✗' };

/** The whole card; the first line is its title. */
export function renderPlain(view: CardView): string[] {
  const title = `${ICONS[lookOf(view)]} ${view.name}: ${view.doing}${view.isSettled ? '' : ` · ${formatSpan(view.elapsedMs)}`}`;
  if (view.phase === 'deleted') return [title, ...(view.notice ? [`  ${view.notice}`] : [])];
  const commit = view.commit ? ` (${view.commit})` : '';
  const lines = [title, `  ${view.source}${commit} · ${view.size} · ${view.id}`];
  if (view.checklist.length > 0 && !view.isSettled)
    lines.push(`  ${view.checklist.map((item) => `${MARKS[item.state]} ${item.label}`).join('   ')}`);
  if (view.failure)
    lines.push(
      `  ${withoutTrigger(view.failure.message)} (${view.failure.side})`,
      `  Next: ${view.failure.next}`,
    );
  if (view.notice) lines.push(`  ${view.notice}`);
  if (view.phase === 'stopped') lines.push(`  Its files are kept${until(view)}. Go on: start ${view.name}`);
  if (view.expiry)
    lines.push(
      `  ${view.isExpiring ? 'Stops soon' : 'Stops'} at ${formatTime(view.expiry)} if idle. Keep it: extend ${view.name} 4h`,
    );
  return lines;
}

/** Nodes do not know where people read what they say; here no line needs the trigger. */
const withoutTrigger = (text: string): string => text.replaceAll('`/sam ', '`');

/** One line for logs and pipes: what is being done now. Empty when all is done: the card says that. */
export const renderProgress = (view: CardView): string =>
  view.isSettled ? '' : `${view.name}: ${view.doing}`;
