// A workspace as a deployment and as a check of its pull request. Pure. Neither ever stands in the way of a merge.
import type { Check, CheckButton } from '../../forges/github/checks.ts';
import type { DeploymentStatus } from '../../forges/github/deployments.ts';
import { renderSummary, renderTitle, sayIn, type CardOptions } from './render.ts';
import { wordFailure } from '../wording.ts';
import type { CardView } from '../view.ts';

/** It runs, and nobody wants it to stop. */
const isOpen = ({ phase, desired }: CardView): boolean => phase === 'running' && desired === 'running';

export function renderDeployment(
  view: CardView,
  { linkTo, context }: Pick<CardOptions, 'linkTo' | 'context'>,
): DeploymentStatus {
  const state = deploymentState(view);
  const said =
    // One that runs has mended itself as well as it can: the rest stands on its card.
    view.failure !== undefined && view.phase === 'failed'
      ? `failed: ${wordFailure(view.failure, view.name, sayIn(context)).text}`
      : WORDS[state];
  return {
    state,
    description: renderTitle(`${view.name} (${view.owner}) ${said}`, 140),
    ...(state === 'success' ? { url: linkTo(view) } : {}),
  };
}

const WORDS: Record<DeploymentStatus['state'], string> = {
  queued: 'waits for a machine',
  in_progress: 'is being made',
  success: 'is running',
  failure: 'has failed',
  inactive: 'does not run',
};

/** A stop counts from the moment that it is wanted: no link leads there any more. */
function deploymentState(view: CardView): DeploymentStatus['state'] {
  if (view.desired !== 'running') return 'inactive';
  if (view.phase === 'failed') return 'failure';
  if (isOpen(view)) return 'success';
  return view.phase === 'queued' ? 'queued' : 'in_progress';
}

export interface CheckOptions extends Omit<CardOptions, 'subject'> {
  /** What the last press of a button led to. */
  press?: { by: string; button: string; text: string } | undefined;
}

/** Only what is being made is under way: whatever has ended, also badly, is neutral. */
export function renderCheck(view: CardView, { press, ...options }: CheckOptions): Check {
  const isMaking = view.desired === 'running' && !view.isSettled;
  const pressed = press ? [`ℹ \`${press.by}\` pressed **${press.button}**: ${press.text}`] : [];
  return {
    ...(isMaking
      ? { progress: view.phase === 'queued' ? ('queued' as const) : ('in_progress' as const) }
      : {}),
    title: renderTitle(`${view.name}: ${view.doing}`, 120),
    summary: renderSummary(view, { ...options, notes: [...pressed, ...options.notes] }),
    externalId: view.id,
    url: options.linkTo(view),
    buttons: buttonsFor(view).map((identifier) => ({ identifier, ...BUTTONS[identifier] })),
  };
}

/** For a commit that is not the head any more. */
export const renderPastCheck = (): Check => ({
  title: 'Goes on at a newer commit',
  summary: 'The pull request has a newer commit: look there.',
  buttons: [],
});

/** What a button is called, and which command it is short for: `line` gets the workspace's id. */
const BUTTONS = {
  open: { label: 'Open', description: 'Says where the terminal is' },
  stop: { label: 'Stop', description: 'Stops the workspace, keeps its files' },
  keep: { label: 'Keep 4h', description: 'Keeps it from stopping by itself' },
  start: { label: 'Start', description: 'Starts it again, with its files' },
  retry: { label: 'Retry', description: 'Tries again what has failed' },
} satisfies Record<string, Omit<CheckButton, 'identifier'>>;

/** Three at most. */
function buttonsFor(view: CardView): (keyof typeof BUTTONS)[] {
  if (view.desired === 'deleted') return [];
  if (view.phase === 'failed') return view.expiry ? ['retry', 'keep'] : ['retry'];
  if (isOpen(view)) return ['open', 'stop', 'keep'];
  return view.desired === 'stopped' ? ['start'] : ['stop'];
}

export const labelOfButton = (identifier: string): string =>
  (BUTTONS as Record<string, { label: string }>)[identifier]?.label ?? identifier;
