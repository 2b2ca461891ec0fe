// What the bot of a test's site says of its workspace: by phase, in the bot's own words. Tests nothing.
import type { ServerResponse } from 'node:http';
import type { CardView } from '../../bot/chat/view.ts';
import { createSay, PRESSES, wordLive, type Press } from '../../bot/chat/wording.ts';

export interface Told {
  phase: CardView['phase'];
  /** The machine does not answer. */
  isSilent: boolean;
  trigger: string;
  /** What its making wrote, as `step text`; each line came a second after the one before. */
  log: string[];
  /** And before that: told when it is asked for. */
  older: string[];
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
  older: [],
  failure: undefined,
  mayPress: true,
  refused: undefined,
  isHeldBack: false,
});

const STEPS = ['Machine ready', 'Repository cloned', 'Environment built', 'Shell started'];

export function stateOf({ phase, isSilent, trigger, failure, mayPress, refused }: Told): object {
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
    log: [],
    command: next,
    trigger,
    ...(mayPress && verb in PRESSES && { press: { verb, label: PRESSES[verb], turn: 7 } }),
    refused,
  };
  return state;
}

export function tell(response: ServerResponse, told: Told): void {
  if (told.isHeldBack) return;
  response.write(`event: state\ndata: ${JSON.stringify(stateOf(told))}\n\n`);
  const after = heard.get(response) ?? 0;
  const { lines, ...how } = writtenAfter(told, after);
  if (lines.length === 0) return;
  heard.set(response, lines.at(-1)?.id ?? after);
  response.write(`event: log\ndata: ${JSON.stringify({ lines, ...how })}\n\n`);
}

/** The last line that whoever listens has heard. */
const heard = new WeakMap<ServerResponse, number>();
export const hearOn = (response: ServerResponse, line: number): void => void heard.set(response, line);

interface Line {
  id: number;
  at: string;
  step: string;
  text: string;
}

const FIRST = 1_000;
const lineOf = (said: string, id: number): Line => ({
  id,
  at: new Date(Date.UTC(2026, 10, 30) + id * 1_000).toISOString(),
  step: said.split(' ', 1)[0] ?? '',
  text: said.replace(/^\S+ +/, ''),
});

export function writtenAfter({ log, older }: Told, after: number) {
  const lines = log.map((said, at) => lineOf(said, FIRST + at)).filter(({ id }) => id > after);
  return { lines, isNew: after === 0, hasOlder: older.length > 0 };
}

/** In two parts, the later one first. */
export function writtenBefore({ log, older }: Told, before: number) {
  const all = [
    ...older.map((said, at) => lineOf(said, FIRST - older.length + at)),
    ...log.map((said, at) => lineOf(said, FIRST + at)),
  ].filter(({ id }) => id < before);
  const lines = all.slice(-Math.ceil(older.length / 2));
  return { lines, isNew: true, hasOlder: lines.length < all.length };
}
