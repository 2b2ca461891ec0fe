// The one comment of a pull request or issue that shows its workspaces: posted, edited in place, posted again once.
import type { ParseContext } from '../../commands/parser/parsed.ts';
import type { Card } from '../../database/types.ts';
import type { GitHubApp, Octokit } from '../../forges/github/app.ts';
import type { SettingsReader } from '../../forges/github/repository-settings.ts';
import * as threads from '../../forges/github/threads.ts';
import { notesOn } from './notes.ts';
import { hashOf, paced, whenAllowed, withoutClocks } from '../pace.ts';
import { markerOf, renderCard } from './render.ts';
import type { CardView } from '../view.ts';

export interface CardSender {
  app: GitHubApp;
  settings: SettingsReader;
  contextFor: () => Promise<ParseContext>;
  linkTo: (view: CardView) => string;
  paceMs: number;
}

type Sent = Partial<Card> | { later: Date };

/** How often it is posted again after somebody deleted it. */
const MAX_REPOSTS = 1;

export function createCardSender(sender: CardSender) {
  return async (card: Card, views: [CardView, ...CardView[]]): Promise<Sent> => {
    const context = await sender.contextFor();
    const { repository } = addressOf(card.thread);
    const render = (all: CardView[]): string =>
      renderCard(all, {
        subject: card.subject,
        linkTo: sender.linkTo,
        context,
        notes: notesOn(sender, repository),
      });
    // How long something has taken is no news.
    const hash = (): string => hashOf(render(views.map(withoutClocks)));
    const isGone = views.every((view) => view.phase === 'deleted');
    if (hash() === card.sentHash || isUnwanted(card, isGone)) return { sentHash: hash() };
    const later = whenAllowed(card, views, sender.paceMs, new Date());
    if (later) return { later };
    const octokit = await sender.app.on(repository);
    const { settings } = await sender.settings.read(repository);
    // What the settings' mistakes are is known only now.
    const sentHash = hash();
    // Not installed there any more: nobody can be told. And where nobody wants comments, one that is there stays true.
    if (!octokit || sentHash === card.sentHash) return { sentHash };
    if (card.externalId === null && !settings.comments) return {};
    const sent = await send(sender, octokit, card, render(views));
    if (isGone && sent.node) await threads.minimiseComment(octokit, sent.node);
    return {
      ...sent.patch,
      ...paced(card, sender.paceMs, new Date()),
      // The next one in this thread gets a comment of its own.
      ...(isGone ? { externalId: null, reposts: 0 } : {}),
      sentHash,
    };
  };
}

/** Nothing is posted only to say that something is gone, or where people deleted it twice. */
const isUnwanted = (card: Card, isGone: boolean): boolean =>
  card.externalId === null && (isGone || card.reposts > MAX_REPOSTS);

interface Posted {
  patch: Partial<Card>;
  node?: string;
}

async function send({ app }: CardSender, octokit: Octokit, card: Card, body: string): Promise<Posted> {
  const address = addressOf(card.thread);
  const isAgain = card.externalId !== null;
  const edited = isAgain
    ? await threads.editComment(octokit, address.repository, Number(card.externalId), body)
    : undefined;
  if (edited) return { patch: {}, node: edited.node };
  const reposts = isAgain ? { reposts: card.reposts + 1 } : {};
  if (isAgain && card.reposts >= MAX_REPOSTS) return { patch: { externalId: null, ...reposts } };
  // A post whose answer got lost has left its comment.
  const lost =
    card.attempts > 0
      ? await threads.findComment(octokit, address, markerOf(card.subject), await app.slug())
      : undefined;
  if (lost) await threads.editComment(octokit, address.repository, lost.id, body);
  const posted = lost ?? (await threads.postComment(octokit, address, body));
  return { patch: { externalId: String(posted.id), ...reposts }, node: posted.node };
}

export function addressOf(thread: string): threads.ThreadAddress {
  const [repository = '', number = ''] = thread.split('#');
  return { repository, number: Number(number) };
}
