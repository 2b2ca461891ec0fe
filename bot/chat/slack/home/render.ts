// The App Home as Slack's Block Kit: who I am, my workspaces with the buttons of their cards, and a new one. Pure.
import { code } from '../mrkdwn.ts';
import { pressBlock, QUESTION, renderCard, sectionOf, type Block } from '../render.ts';
import type { CardView } from '../../view.ts';

export interface HomeFacts {
  views: CardView[];
  trigger: string;
  canConnect: boolean;
  /** On GitHub; undefined: they are not connected. */
  login: string | undefined;
}

export interface HomeView {
  type: 'home';
  blocks: (Block | { type: 'header'; text: { type: 'plain_text'; text: string } } | { type: 'divider' })[];
}

/** Slack takes 100 blocks; a card has six at most. */
const MAX_SHOWN = 12;

export function renderHome(facts: HomeFacts): HomeView {
  const { views, trigger } = facts;
  const more = views.length - MAX_SHOWN;
  return {
    type: 'home',
    blocks: [
      header('Your workspaces'),
      ...(views.length > 0 ? [] : [sectionOf(emptyText(facts))]),
      ...views.slice(0, MAX_SHOWN).flatMap((view) => [...renderCard(view, trigger).blocks, divider]),
      ...(more > 0 ? [sectionOf(`And ${more} more: ${code(`${trigger} list`)}.`)] : []),
      // Without a GitHub App a workspace is made in a channel that was chosen for it, and the Home is none.
      ...(facts.canConnect
        ? [pressBlock('home:new', [{ label: 'New workspace', line: `${QUESTION}new`, style: 'primary' }])]
        : []),
      ...connectionOf(facts),
    ],
  };
}

const header = (text: string) => ({ type: 'header' as const, text: { type: 'plain_text' as const, text } });
const divider = { type: 'divider' as const };

const emptyText = ({ trigger, canConnect }: HomeFacts): string =>
  canConnect
    ? `There is none yet. Make one here, or say ${code(`${trigger} up owner/name`)} in a channel.`
    : `There is none yet. Say ${code(`${trigger} up owner/name`)} in a channel that was chosen for it.`;

function connectionOf({ canConnect, login, trigger }: HomeFacts): HomeView['blocks'] {
  if (!canConnect) return [];
  const words = login
    ? `You are ${code(login)} on GitHub, and may do here what you may do there.`
    : `Sam does not know yet who you are on GitHub, and what you may do here is what you may do there. In a channel: ${code(`${trigger} connect`)}.`;
  const press = login ? { label: 'Disconnect', line: 'disconnect' } : { label: 'Connect', line: 'connect' };
  return [header('GitHub'), sectionOf(words), pressBlock('home:connect', [press])];
}
