// How the workspace stands while there is no terminal, as the bot tells it, and the buttons for that. Knows no socket and no DOM.
import { readWritten, type Written } from '../log/steps.ts';
import { createListener, type Listener } from './listener.ts';
import { newKey, press } from './press.ts';

export interface LiveState {
  name: string;
  look: string;
  /** There is a terminal to go to. */
  isOpen: boolean;
  title: string;
  /** Commands in it stand between backticks. */
  text: string;
  steps: { label: string; state: 'done' | 'doing' | 'todo' | 'failed' }[];
  /** To copy into the chat, without the trigger. */
  command?: string;
  trigger?: string;
  /** `turn`: of the state that the button belongs to. */
  press?: { verb: string; label: string; turn?: number };
  /** Why the last press came to nothing. */
  refused?: string;
  /** What its making wrote, where that comes with it. */
  wrote?: Written;
}

export interface Live extends Listener {
  /** Says it to the bot once, however often it has to be sent. Resolves with what went wrong, or nothing. */
  press: (verb: string, turn: number | undefined) => Promise<string | undefined>;
}

export interface LiveEvents {
  onState: (state: LiveState) => void;
  /** What its making wrote: the newest, or on from the line that `lastLine` names. */
  onWritten: (written: Written) => void;
  lastLine: () => number | undefined;
  /** It is told no more: who asks for a ticket hears why. */
  onOver: () => void;
}

export function createLive(workspace: string, { onState, onWritten, lastLine, onOver }: LiveEvents): Live {
  const base = `/w/${encodeURIComponent(workspace)}`;
  const take = (text: string): boolean => {
    const state = readState(text);
    if (state) onState(state);
    if (state?.wrote) onWritten(state.wrote);
    return state !== undefined;
  };
  const hearLog = (text: string): void => {
    const written = readWritten(text);
    if (written) onWritten(written);
  };
  const address = (): string => {
    const line = lastLine();
    return `${base}/events${line === undefined ? '' : `?log=${line}`}`;
  };
  const { start, stop } = createListener({
    address,
    event: 'state',
    take,
    beside: { log: hearLog },
    onOver,
  });
  return {
    start,
    stop,
    press: (verb, turn) => press(`${base}/${verb}${turn === undefined ? '' : `?turn=${turn}`}`, newKey()),
  };
}

function readState(text: string): LiveState | undefined {
  try {
    const state = JSON.parse(text) as LiveState | null;
    return typeof state?.title === 'string' && Array.isArray(state.steps) ? state : undefined;
  } catch {
    return undefined;
  }
}
