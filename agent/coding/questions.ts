// What a coding agent may not do unasked: the policy answers, else people do, in time. Knows no connection and no process.
import { basename } from 'node:path';
import type { Decision, DesiredTurn, TaskPolicy, TurnHappening } from '../protocol.ts';
import type { Permission, Permitted } from './acp.ts';
import { shortenTitle, type Call } from './happenings.ts';
import { commandOf, cwdOf, judge, nameOf, type Wish, type Wished } from './policy.ts';

/** Longer than what a tool is called: whoever says yes has to see it. */
const MAX_TITLE = 4_000;
/** Who asks more at once gets a no. */
const MAX_PENDING = 20;

export interface QuestionsOptions {
  turn: number;
  policy: () => TaskPolicy;
  /** What was allowed for the rest of the task. */
  always: () => readonly string[];
  onAlways: (name: string) => void;
  call: (id: string) => Call | undefined;
  /** What kind of tool it is to the policy. */
  kindOf: (wished: Wished) => string;
  clean: (text: string) => string;
  tell: (happening: TurnHappening) => void;
  /** What is waited for an answer. */
  answerMs: number;
}

export interface Questions {
  ask: (permission: Permission) => Promise<Permitted>;
  /** What people have said so far. */
  decide: (decisions: DesiredTurn['decisions']) => void;
  /** The turn ends: nobody needs an answer any more. */
  cancel: () => void;
}

interface Pending {
  wish: Wish;
  settle: (decision: Decision | 'late' | 'cancelled') => void;
}

export function createQuestions(options: QuestionsOptions): Questions {
  const { turn, policy, always, onAlways, clean, tell, answerMs } = options;
  const pending = new Map<string, Pending>();
  let count = 0;
  let isOver = false;
  const wait = async (wish: Wish): Promise<Permitted> => {
    const request = `${turn}-${++count}`;
    const { promise, resolve } = Promise.withResolvers<Decision | 'late' | 'cancelled'>();
    pending.set(request, { wish, settle: resolve });
    const timer = setTimeout(() => resolve('late'), answerMs).unref();
    const where = wish.cwd === undefined ? '.' : clean(wish.cwd);
    const what = clean(wish.command ?? wish.title);
    const title = shortenTitle(where === '.' ? what : `${what} (in ${where})`, MAX_TITLE);
    tell({ kind: 'question', request, tool: wish.tool, title, minutes: Math.ceil(answerMs / 60_000) });
    const decision = await promise;
    clearTimeout(timer);
    pending.delete(request);
    tell({ kind: 'decided', request, decision });
    if (decision === 'always') onAlways(nameOf(wish));
    return PERMITTED[decision];
  };
  return {
    async ask(permission) {
      if (isOver) return 'cancelled';
      const wish = wishOf(permission, options.call(permission.call), options.kindOf);
      const ruling = judge(wish, policy(), always());
      if (ruling !== 'ask') return ruling;
      return pending.size < MAX_PENDING ? wait(wish) : 'deny';
    },
    decide(decisions) {
      for (const { request, decision } of decisions) pending.get(request)?.settle(decision);
    },
    cancel() {
      isOver = true;
      for (const { settle } of pending.values()) settle('cancelled');
    },
  };
}

const PERMITTED: Record<Decision | 'late' | 'cancelled', Permitted> = {
  allow: 'allow',
  always: 'allow',
  deny: 'deny',
  late: 'deny',
  cancelled: 'cancelled',
};

/** What is not said with the question was said with the call; files that its title does not name stand behind it. */
function wishOf(
  { tool: said, title: called, input: given, paths }: Permission,
  call: Call | undefined,
  kindOf: QuestionsOptions['kindOf'],
): Wish {
  const tool = said ?? call?.tool ?? 'other';
  const title = called ?? call?.title ?? '';
  const input = given ?? call?.input;
  const unnamed = tool === 'edit' ? paths.filter((path) => !title.includes(basename(path))) : [];
  return {
    tool: kindOf({ tool, input, paths }),
    title: unnamed.length > 0 ? `${title}: ${unnamed.join(', ')}` : title,
    command: commandOf(input),
    cwd: cwdOf(input),
  };
}
