// The worker of the inbox: takes stored requests in order, asks for the right, runs the command, ends the request.
// One transaction ends the request and writes what is wanted; no transaction is open while a vendor is asked.
import type { Logger } from 'pino';
import type { CodingAgent } from '../../agent/protocol.ts';
import type { Admins } from '../access/admins.ts';
import type { ParseCodes, Said } from '../codes.ts';
import { tellable } from '../commands/audience.ts';
import { findCommand } from '../commands/command.ts';
import { parse } from '../commands/parser/parse.ts';
import type { ParsedCommand, ParseFailure } from '../commands/parser/parsed.ts';
import type {
  Command,
  CommandContext,
  CommandLimits,
  Outcome,
  Place,
  StartContext,
} from '../commands/context.ts';
import { findTarget } from '../commands/target.ts';
import type { Answer, Delivery, Executor, FrontName, Held, Workspace } from '../database/types.ts';
import type { Heads } from '../workspaces/fork.ts';
import { messageOf, ProviderError, UserError } from '../errors.ts';
import type { AskRules, Forge, Repository } from '../forges/forge.ts';
import { randomBase32 } from '../ids.ts';
import { whileHeld } from '../jobs/lease.ts';
import type { Conversation, IncomingCommand, Notice, Permission } from './front.ts';
import { findGuest, findSharedWorkspace } from './guests.ts';
import { recordSaid, type Said as SaidCommand } from './recording.ts';
import { wantCard as storeWantCard } from './store/cards.ts';
import {
  claimDelivery,
  deliveryDueInMs,
  endDelivery,
  lockDelivery,
  postponeDelivery,
  renewDelivery,
} from './store/deliveries.ts';
import { readWorkspaceRef } from './store/subjects.ts';

export interface Inbox {
  db: Executor;
  conversations: ReadonlyMap<FrontName, Conversation>;
  commands: readonly Command[];
  forges: readonly Forge[];
  limits: CommandLimits;
  provider: string;
  portAddress: CommandContext['portAddress'];
  admins: Admins;
  /** Where the forks stand now that a start may be about: a workspace, or what a new one is made of. Throws ProviderError. */
  readHeads: (about: About) => Promise<Heads>;
  /** What coding agents may do there unasked. Throws ProviderError. */
  readPolicy: (about: About) => Promise<AskRules>;
  /** Those that the person has left a key for. */
  findCodingAgents: (person: string) => Promise<readonly CodingAgent[]>;
  log: Logger;
}

/** What a command means: a workspace, or what a new one is made of. */
type About = Pick<CommandContext, 'repository'> & { workspace: Workspace | undefined };

const MAX_ATTEMPTS = 3;

/** Due requests, for the loop. */
export const deliverySource = (inbox: Inbox) => ({
  name: 'deliveries',
  dueInMs: () => deliveryDueInMs(inbox.db),
  async take(): Promise<(() => Promise<void>) | undefined> {
    const held = await claimDelivery(inbox.db);
    return (
      held &&
      (() =>
        whileHeld(
          () => renewDelivery(inbox.db, held),
          () => runDelivery(inbox, held),
          inbox,
        ))
    );
  },
});

async function runDelivery(inbox: Inbox, held: Held<Delivery>): Promise<void> {
  const conversation = inbox.conversations.get(held.row.source);
  if (!conversation) return endWith(inbox, held, null);
  try {
    const notice = await conversation.notice(held.row);
    if (notice) return await endWith(inbox, held, notice);
    const incoming = await conversation.hear(held.row);
    if (!incoming) return await endWith(inbox, held, null);
    await runIncoming(inbox, held, conversation, incoming);
  } catch (thrown) {
    const error = conversation.explain(thrown, held.row) ?? thrown;
    if (error instanceof UserError) return endWith(inbox, held, { ok: false, ...error.said });
    await retryLater(inbox, held, error);
  }
}

async function runIncoming(
  inbox: Inbox,
  held: Held<Delivery>,
  conversation: Conversation,
  incoming: IncomingCommand,
): Promise<void> {
  const { spoken } = incoming;
  const parsed = 'command' in spoken ? spoken.command : parse(spoken.text, spoken.context);
  if (parsed.kind === 'ignore') return endWith(inbox, held, null);
  if (parsed.kind === 'error') return endSaying(inbox, held, conversation, incoming, refusalOf(parsed));
  const line = asCommand(parsed, incoming);
  const command = findCommand(inbox.commands, line.verb);
  if (!command) throw new Error(`the parser knows ${line.verb}, the table does not`);
  const said = { delivery: held.row, incoming, command, line };
  try {
    await runSaid(inbox, held, conversation, said);
  } catch (thrown) {
    const error = conversation.explain(thrown, held.row) ?? thrown;
    if (!(error instanceof UserError)) return retryLater(inbox, held, error, said);
    await endSaying(inbox, held, conversation, incoming, { ok: false, ...error.said }, said);
  }
}

/** With nothing in it that the place's readers may not know of. */
const endSaying = (
  inbox: Inbox,
  held: Held<Delivery>,
  { traits }: Conversation,
  incoming: IncomingCommand,
  answer: Answer,
  command?: SaidCommand,
): Promise<void> =>
  endWith(inbox, held, async (tx) => {
    if (command) await recordSaid(tx, command, answer, NOTHING_HELD);
    return tellable(tx, answer, { ...incoming, traits, said: wordsSaid(incoming) });
  });

/** Of what was refused nobody asks by which right. */
const NOTHING_HELD = { permission: {}, isAdmin: false } as const;

const wordsSaid = ({ spoken }: IncomingCommand): string =>
  'command' in spoken ? spoken.command.line : spoken.text;

async function runSaid(
  inbox: Inbox,
  held: Held<Delivery>,
  conversation: Conversation,
  said: SaidCommand,
): Promise<void> {
  const { incoming, command, line } = said;
  const repository = await locate(conversation, command, line, incoming.place, held.row);
  const { traits } = conversation;
  const context = { ...contextOf(inbox, inbox.db, held.row, incoming, repository), traits, isAdmin: false };
  const { forges } = inbox;
  const shared = await findSharedWorkspace(command, { forges, line, context });
  const permission = await conversation.permit({
    delivery: held.row,
    incoming,
    command: shared ? asGuest(command) : command,
    line,
    repository,
  });
  const guest = command.letsIn
    ? await findGuest(conversation, held.row, { forges, line, context })
    : undefined;
  await conversation.acknowledge(held.row);
  const isAdmin = await mayAdminister(inbox, said, traits, permission);
  const contextIn = (tx: Executor): CommandContext => ({
    ...context,
    tx,
    isAdmin,
    ...permission,
    guest,
    shared: shared?.id,
  });
  const asked = command.starts
    ? await askAhead(inbox, command, line, contextIn(inbox.db), shared)
    : NOTHING_ASKED;
  await inbox.db.transaction(async (tx) => {
    if (!(await lockDelivery(tx, held))) return;
    const outcome = await command.run(line, { ...contextIn(tx), ...asked });
    if (!outcome.hasNoCard) await wantCard(tx, conversation, incoming, outcome, held.row);
    await recordSaid(tx, said, outcome.answer, { permission, isAdmin, shared: shared?.id });
    const answer = await tellable(tx, outcome.answer, { ...incoming, traits, said: wordsSaid(incoming) });
    await end(inbox, tx, held, { answer: withIgnored(answer, line), commandId: outcome.commandId });
    await wantSignals(inbox, tx, outcome);
  });
}

/** Where everybody reads along nobody is more than their rights there make them: an answer would name what is others'. */
async function mayAdminister(
  { admins }: Inbox,
  { command, incoming: { actor } }: SaidCommand,
  { isOperator, isPublic }: CommandContext['traits'],
  { isPlain }: Permission,
): Promise<boolean> {
  if (!command.isForAdmins || isPublic || isPlain) return false;
  return isOperator || admins.has(actor.id);
}

/** What is shared lets in whoever may read, but for what takes a right of its own. It starts nothing. */
const asGuest = (command: Command): Command =>
  command.forGuests?.asks
    ? command
    : ({ ...command, needsWrite: false, starts: undefined } as unknown as Command);

type Asked = Omit<StartContext, keyof CommandContext>;

const NOTHING_ASKED: Asked = { heads: new Map(), policy: { allow: [], deny: [] }, codingAgents: [] };

/** Of the workspace that is meant; what is wrong with the words is said when they run. */
async function askAhead(
  inbox: Inbox,
  { takes }: Command,
  line: ParsedCommand,
  context: CommandContext,
  shared: Workspace | undefined,
): Promise<Asked> {
  const { repository } = context;
  const own = findTarget(line, context).catch((error: unknown) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  const workspace = shared ?? (await own);
  const about = { workspace, repository };
  const heads = await inbox.readHeads(about);
  if (takes !== 'prompt') return { ...NOTHING_ASKED, heads };
  return {
    heads,
    policy: await inbox.readPolicy(about),
    // What works in somebody's workspace asks models with their key.
    codingAgents: await inbox.findCodingAgents(shared?.owner ?? context.actor.id),
  };
}

function refusalOf({ code, details, usage }: ParseFailure): Answer {
  const said = { code, details } as Said<ParseCodes>;
  return { ok: false, ...said, ...(usage === undefined ? {} : { usage }) };
}

const withIgnored = (answer: Answer, { ignored, dropped }: ParsedCommand): Answer => ({
  ...answer,
  ...(ignored.length > 0 && { ignored }),
  ...(dropped && { dropped }),
});

/** `help` and a bare trigger are commands like the others. */
function asCommand(
  parsed: Exclude<ReturnType<typeof parse>, ParseFailure | { kind: 'ignore' }>,
  incoming: IncomingCommand,
): ParsedCommand {
  if (parsed.kind === 'command') return parsed;
  const verb = parsed.kind === 'status' && incoming.place.workspace ? 'status' : 'help';
  const words = parsed.kind === 'help' && parsed.topic ? [parsed.topic] : [];
  return {
    kind: 'command',
    verb,
    flags: {},
    words,
    line: [verb, ...words].join(' '),
    ignored: parsed.ignored ?? [],
  };
}

async function locate(
  conversation: Conversation,
  command: Command,
  { target, flags }: ParsedCommand,
  { workspace }: Place,
  delivery: Delivery,
): Promise<Repository | undefined> {
  if (target?.kind === 'name' || (!target && !command.isAboutPlace)) return undefined;
  if (!target && command.continuesThread && workspace && flags['new'] === undefined) return undefined;
  return conversation.locate(target, delivery);
}

function contextOf(
  inbox: Inbox,
  tx: Executor,
  delivery: Delivery,
  incoming: IncomingCommand,
  repository: Repository | undefined,
): Omit<CommandContext, 'traits' | 'isAdmin'> {
  return {
    tx,
    actor: incoming.actor,
    front: delivery.source,
    deliveryId: delivery.deliveryId,
    place: incoming.place,
    identity: incoming.identity,
    repository,
    now: new Date(),
    limits: inbox.limits,
    provider: inbox.provider,
    portAddress: inbox.portAddress,
    admins: inbox.admins.names,
  };
}

async function wantCard(
  tx: Executor,
  conversation: Conversation,
  incoming: IncomingCommand,
  { answer }: Outcome,
  delivery: Delivery,
): Promise<void> {
  const { workspace: id } = answer;
  if (!id) return;
  const ref = await readWorkspaceRef(tx, id);
  const card = conversation.cardOf(ref, incoming.place, { delivery, answer });
  if (card) await storeWantCard(tx, { front: delivery.source, ...card });
}

/** Wherever it was said: a pull request shows the workspace that somebody asked for in another chat. */
async function wantSignals({ conversations }: Inbox, tx: Executor, { answer }: Outcome): Promise<void> {
  const ref = answer.workspace ? await readWorkspaceRef(tx, answer.workspace) : undefined;
  if (!ref) return;
  for (const [front, conversation] of conversations)
    for (const signal of conversation.signalsOf(ref)) await storeWantCard(tx, { front, ...signal });
}

async function endWith(inbox: Inbox, held: Held<Delivery>, answer: Answer | null | Notice): Promise<void> {
  await inbox.db.transaction(async (tx) => {
    if (!(await lockDelivery(tx, held))) return;
    await end(inbox, tx, held, { answer: typeof answer === 'function' ? await answer(tx) : answer });
  });
}

const end = (
  { conversations }: Inbox,
  tx: Executor,
  held: Held<Delivery>,
  ending: { answer: Answer | null; commandId?: number | undefined },
): Promise<void> =>
  endDelivery(tx, held, { ...ending, isShown: conversations.get(held.row.source)?.isSilent === true });

/** How long a vendor may keep a thread waiting. */
const TIMEOUT_MS = 10 * 60_000;

/** A vendor's limit, or a vendor that is down: nothing is lost, it is only later. Undefined: no more patience, or a bug. */
function pauseOf({ row }: Held<Delivery>, error: unknown): number | undefined {
  if (!(error instanceof ProviderError) || !error.retryable) return undefined;
  const pauseMs = error.retryAfterMs ?? Math.min(60_000, 1000 * 2 ** row.attempts);
  return Date.now() + pauseMs - row.receivedAt.getTime() < TIMEOUT_MS ? pauseMs : undefined;
}

/** A bug, or a vendor that does not answer: some more tries, then a reference that finds it in the log. `said`: what came to nothing. */
async function retryLater(
  inbox: Inbox,
  held: Held<Delivery>,
  error: unknown,
  said?: SaidCommand,
): Promise<void> {
  const pauseMs = pauseOf(held, error);
  if (pauseMs !== undefined) {
    inbox.log.warn({ delivery: held.row.deliveryId, error: messageOf(error) }, 'a request has to wait');
    return postponeDelivery(inbox.db, held, pauseMs);
  }
  const ref = randomBase32(6);
  inbox.log.error(
    { err: error, ref, source: held.row.source, delivery: held.row.deliveryId },
    'a request failed',
  );
  if (held.row.attempts + 1 < MAX_ATTEMPTS)
    return postponeDelivery(inbox.db, held, 1000 * 2 ** held.row.attempts);
  const answer: Answer = { ok: false, code: 'internal', details: { ref } };
  await endWith(inbox, held, async (tx) => {
    if (said) await recordSaid(tx, said, answer, NOTHING_HELD);
    return answer;
  });
}
