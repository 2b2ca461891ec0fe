// What coding agents do in the workspace, as the bot tells it: on from what was heard last; and what is said to the bot. Knows no DOM.
import { ask, createListener, type Listener } from '../connection/listener.ts';
import { press } from '../connection/press.ts';

export interface Turn {
  task: string;
  turn: number;
  /** In the order in which they were asked. */
  order: number;
  by: string;
  /** Of what was said on a page: its key. */
  key?: string;
  prompt: string;
  state: 'queued' | 'running' | 'asking' | 'done' | 'failed' | 'cancelled';
  isEnding: boolean;
  /** ISO 8601. */
  at: string;
  plan: { label: string; state: string }[];
  questions: { request: string; number: number; title: string }[];
  decisions: { request: string; decision: string; by: string }[];
  answer: string;
  /** Commands in it stand between backticks. */
  failure?: string;
  changes?: { text: string; files: { path: string; added: number; removed: number }[] };
  cost?: string;
  elapsedMs?: number;
}

export type Happening =
  | { kind: 'text'; message: string; text: string }
  | { kind: 'tool'; call: string; tool: string; title: string; status: string }
  | { kind: 'question'; request: string; tool: string; title: string }
  | { kind: 'decided'; request: string; decision: string };

export interface Told {
  id: string;
  /** It does not go on with what was told before. */
  isNew: boolean;
  isShown: boolean;
  /** Why nothing can be asked now. */
  why?: string;
  /** What was said of late and came to nothing. */
  refused: { key: string; text: string }[];
  /** Those that changed. */
  turns: Turn[];
  happened: { task: string; turn: number; seq: number; event: Happening }[];
  hasOlder: boolean;
  isMore?: boolean;
}

export interface Feed extends Listener {
  /** Says it to the bot once, however often it has to be sent. Resolves with what went wrong, or nothing. */
  say: (verb: string, body: object, key: string) => Promise<string | undefined>;
  /** What was asked before that one. Undefined: it could not be had. */
  readBefore: (order: number) => Promise<Told | undefined>;
}

export function createFeed(workspace: string, onTold: (told: Told) => void): Feed {
  const url = `/w/${encodeURIComponent(workspace)}/tasks`;
  let lastId = '';
  const take = (text: string): boolean => {
    const told = readTold(text);
    if (!told) return false;
    lastId = told.id;
    onTold(told);
    return true;
  };
  const address = (): string => (lastId ? `${url}?since=${lastId}` : url);
  return {
    ...createListener({ address, event: 'tasks', take }),
    say: (verb, body, key) => press(`${url}/${verb}`, key, body),
    readBefore: async (order) => {
      try {
        const response = await ask(`${url}?before=${order}`);
        return response.ok ? readTold(await response.text()) : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

function readTold(text: string): Told | undefined {
  try {
    const told = JSON.parse(text) as Told | null;
    if (!Array.isArray(told?.turns) || !Array.isArray(told.happened)) return undefined;
    // A bot of the version before says none of them, or one.
    return { ...told, refused: [told.refused ?? []].flat() };
  } catch {
    return undefined;
  }
}
