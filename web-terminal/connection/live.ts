// How the workspace stands while there is no terminal, as the bot tells it, and the buttons for that. Knows no socket and no DOM.
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
  /** The last lines that its making wrote. */
  log: string[];
  /** To copy into the chat, without the trigger. */
  command?: string;
  trigger?: string;
  /** `turn`: of the state that the button belongs to. */
  press?: { verb: string; label: string; turn?: number };
  /** Why the last press came to nothing. */
  refused?: string;
}

export interface Live extends Listener {
  /** Says it to the bot once, however often it has to be sent. Resolves with what went wrong, or nothing. */
  press: (verb: string, turn: number | undefined) => Promise<string | undefined>;
}

export interface LiveEvents {
  onState: (state: LiveState) => void;
  /** It is told no more: who asks for a ticket hears why. */
  onOver: () => void;
}

export function createLive(workspace: string, { onState, onOver }: LiveEvents): Live {
  const base = `/w/${encodeURIComponent(workspace)}`;
  const take = (text: string): boolean => {
    const state = readState(text);
    if (state) onState(state);
    return state !== undefined;
  };
  const { start, stop } = createListener({ address: () => `${base}/events`, event: 'state', take, onOver });
  return {
    start,
    stop,
    press: (verb, turn) => press(`${base}/${verb}${turn === undefined ? '' : `?turn=${turn}`}`, newKey()),
  };
}

function readState(text: string): LiveState | undefined {
  try {
    const state = JSON.parse(text) as LiveState | null;
    return typeof state?.title === 'string' && Array.isArray(state.steps) && Array.isArray(state.log)
      ? state
      : undefined;
  } catch {
    return undefined;
  }
}
