// The command that lets a coding agent do what it asked for.
import type { Decision } from '../../agent/protocol.ts';
import type { TurnQuestion } from '../database/types.ts';
import { UserError } from '../errors.ts';
import { findDecision, keepDecision, type OpenTurn } from '../tasks/store/turns.ts';
import { openQuestions } from '../tasks/turn.ts';
import { findHere, isAllowed } from './cancel.ts';
import type { Command, CommandContext, Outcome } from './context.ts';
import type { ParsedCommand } from './parser/parsed.ts';

export const allow = {
  name: 'allow',
  aliases: ['approve'],
  summary: 'Lets a coding agent do what it asks for.',
  usage: 'allow [NUMBER]',
  examples: ['allow', 'allow 2', 'allow --always'],
  who: 'Whoever asked, and those who may ask on the repository.',
  flags: {
    always: { kind: 'boolean', summary: 'the same from now on in this task, without asking' },
  },
  takes: 'question',
  needsWrite: true,
  isForAskers: true,
  run: (command, context) => decide(command, context, command.flags['always'] === true ? 'always' : 'allow'),
} satisfies Command;

/** Answers the question of that number, or the only one. */
export async function decide(
  { verb, question: number }: ParsedCommand,
  context: CommandContext,
  decision: Decision,
): Promise<Outcome> {
  const allowed = (await findHere(context)).filter((one) => isAllowed(one, context));
  const own = allowed.filter(({ workspace }) => workspace.owner === context.actor.id);
  const open = (own.length > 0 ? own : allowed).flatMap((one) =>
    openQuestions(one.turn).map((question) => ({ ...one, question })),
  );
  const [meant, ...more] =
    number === undefined ? open : open.filter(({ question }) => question.number === number);
  if (!meant) throw await nothingToDecide(number, context);
  if (more.length > 0)
    throw new UserError('which-question', { verb, numbers: open.map(({ question }) => question.number) });
  await keepDecision(context.tx, meant, decisionOf(meant, context, decision));
  const details = { number: meant.question.number, decision };
  return { answer: { ok: true, code: 'decided', details, workspace: meant.workspace.id } };
}

const decisionOf = (
  { question: { number, request } }: OpenTurn & { question: TurnQuestion },
  { actor }: CommandContext,
  decision: Decision,
) => ({ number, request, decision, by: actor.name });

async function nothingToDecide(number: number | undefined, context: CommandContext): Promise<UserError> {
  const { tx, front, place } = context;
  const inThread = { front, thread: place.thread };
  const scope = place.workspace ? { workspace: place.workspace } : inThread;
  const made = await findDecision(tx, place.task ? { task: place.task } : scope, number);
  return made ? new UserError('answered-question', made) : new UserError('no-question', {});
}
