// What the bot of a test's site says of its workspace: by phase, in the bot's own words. Tests nothing.
import type { ServerResponse } from 'node:http';
import type { CardView } from '../../bot/chat/view.ts';
import { createSay, PRESSES, wordLive, type Press } from '../../bot/chat/wording.ts';

export interface Told {
  phase: CardView['phase'];
  /** The machine does not answer. */
  isSilent: boolean;
  trigger: string;
  log: string[];
  failure: NonNullable<CardView['failure']> | undefined;
  /** Whether the browser may press anything. */
  mayPress: boolean;
  refused: string | undefined;
  /** A proxy lets nothing of a stream through before it ends. */
  isHeldBack: boolean;
}

export const tellNothing = (): Told => ({
  phase: 'running',
  isSilent: false,
  trigger: '/box',
  log: [],
  failure: undefined,
  mayPress: true,
  refused: undefined,
  isHeldBack: false,
});

const STEPS = ['Machine ready', 'Repository cloned', 'Environment built', 'Shell started'];

export function stateOf({ phase, isSilent, trigger, log, failure, mayPress, refused }: Told): object {
  const isMade = phase === 'queued' || phase === 'provisioning' || phase === 'preparing';
  const view = {
    name: 'api-412',
    phase,
    desired: isMade || isSilent ? 'running' : phase === 'stopping' ? 'stopped' : phase,
    doing: isSilent ? 'not reachable' : isMade ? 'cloning the repository' : phase,
    isSettled: !isMade && phase !== 'stopping' && phase !== 'deleting',
    notices: isSilent ? [{ code: 'machine-silent', details: {} }] : [],
    ...(phase === 'failed' ? { failure: failure ?? null } : {}),
  } as unknown as CardView;
  const { title, text, next } = wordLive(view, createSay(trigger));
  const verb = next?.split(' ')[0] as Press;
  const isOpen = phase === 'running' && !isSilent;
  const steps = isMade || phase === 'failed' ? STEPS : [];
  const state = {
    name: view.name,
    look: isSilent ? 'silent' : phase,
    isOpen,
    title,
    text,
    steps: steps.map((label, at) => ({
      label,
      state: at === 0 ? 'done' : at > 1 ? 'todo' : phase === 'failed' ? 'failed' : 'doing',
    })),
    log,
    command: next,
    trigger,
    ...(mayPress && verb in PRESSES && { press: { verb, label: PRESSES[verb], turn: 7 } }),
    refused,
  };
  return state;
}

export function tell(response: ServerResponse, told: Told): void {
  if (!told.isHeldBack) response.write(`event: state\ndata: ${JSON.stringify(stateOf(told))}\n\n`);
}
