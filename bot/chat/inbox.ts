// The worker of the inbox: takes stored requests in order, asks for the right, runs the command, ends the request.
// One transaction ends the request and writes what is wanted; no transaction is open while a vendor is asked.
import type { Logger } from 'pino';
import { findCommand } from '../commands/command.ts';
import { parse } from '../commands/parser/parse.ts';
import type { ParsedCommand, ParseFailure } from '../commands/parser/parsed.ts';
import { createSay, shownTrigger } from '../commands/say.ts';
import type { Command, CommandLimits, Outcome, Scene } from '../commands/context.ts';
import type { Answer, Delivery, Front } from '../database/types.ts';
import { messageOf, ProviderError, UserError } from '../errors.ts';
import type { Repository } from '../forges/forge.ts';
import { randomBase32 } from '../ids.ts';
import { whileHeld } from '../jobs/lease.ts';
import type { FrontEnd, Heard } from './front.ts';
import { withIgnored } from './ignored.ts';
import * as store from './store.ts';
import type { Executor, Held } from './store.ts';

export interface Inbox {
  db: Executor;
  fronts: ReadonlyMap<Front, FrontEnd>;
  commands: readonly Command[];
  limits: CommandLimits;
  /** Learns what has to be known before a workspace of that person starts again. Throws ProviderError. */
  beforeStart?: ((actor: string) => Promise<void>) | undefined;
  log: Logger;
}

const MAX_ATTEMPTS = 3;

/** Due requests, for the loop. */
export const deliverySource = (inbox: Inbox) => ({
  name: 'deliveries',
  dueInMs: () => store.deliveryDueInMs(inbox.db),
  async take(): Promise<(() => Promise<void>) | undefined> {
    const held = await store.claimDelivery(inbox.db);
    return (
      held &&
      (() =>
        whileHeld(
          () => store.renewDelivery(inbox.db, held),
          () => runDelivery(inbox, held),
          inbox,
        ))
    );
  },
});

async function runDelivery(inbox: Inbox, held: Held<Delivery>): Promise<void> {
  try {
    const front = inbox.fronts.get(held.row.source);
    const notice = await front?.notice?.(held.row);
    if (notice) return await endWith(inbox, held, notice);
    const heard = await front?.hear(held.row);
    if (!front || !heard) return await endWith(inbox, held, null);
    await runHeard(inbox, held, front, heard);
  } catch (thrown) {
    const error = inbox.fronts.get(held.row.source)?.explain?.(thrown, held.row) ?? thrown;
    if (error instanceof UserError)
      return endWith(inbox, held, { ok: false, code: error.code, text: error.message });
    await retryLater(inbox, held, error);
  }
}

async function runHeard(inbox: Inbox, held: Held<Delivery>, front: FrontEnd, heard: Heard): Promise<void> {
  const parsed = parse(heard.text, heard.context);
  if (parsed.kind === 'ignore') return endWith(inbox, held, null);
  if (parsed.kind === 'error')
    return endWith(inbox, held, {
      ok: false,
      code: parsed.code,
      text: describeFailure(parsed, held.row.source),
      ...(parsed.suggestion ? { suggestion: parsed.suggestion } : {}),
    });
  const line = asCommand(parsed, heard);
  const command = findCommand(inbox.commands, line.verb);
  if (!command) throw new Error(`the parser knows ${line.verb}, the table does not`);
  const repository = await locate(front, command, line, held.row);
  const standing = await front.permit({ delivery: held.row, heard, command, line, repository });
  await front.acknowledge?.(held.row);
  // What is asked of a place was looked up with it.
  if (command.starts && !command.isAboutPlace) await inbox.beforeStart?.(heard.actor.id);
  await inbox.db.transaction(async (tx) => {
    if (!(await store.lockDelivery(tx, held))) return;
    const scene = { ...sceneOf(inbox, tx, held.row, heard, repository), maintains: standing?.maintains };
    const outcome = await command.run(line, scene);
    if (outcome.answer.workspace) await wantCard(tx, front, heard, outcome, held.row);
    await store.endDelivery(tx, held, withIgnored(outcome.answer, line.ignored), outcome.commandId);
    await wantSignals(inbox, tx, outcome);
  });
}

/** `help` and a bare trigger are commands like the others. */
function asCommand(
  parsed: Exclude<ReturnType<typeof parse>, ParseFailure | { kind: 'ignore' }>,
  heard: Heard,
): ParsedCommand {
  if (parsed.kind === 'command') return parsed;
  const verb = parsed.kind === 'status' && heard.place.workspace ? 'status' : 'help';
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
  front: FrontEnd,
  command: Command,
  { target }: ParsedCommand,
  delivery: Delivery,
): Promise<Repository | undefined> {
  if (target?.kind === 'name' || (!target && !command.isAboutPlace)) return undefined;
  return front.locate(target, delivery);
}

function sceneOf(
  inbox: Inbox,
  tx: Executor,
  delivery: Delivery,
  heard: Heard,
  repository: Repository | undefined,
): Scene {
  return {
    tx,
    actor: heard.actor,
    front: delivery.source,
    place: heard.place,
    identity: heard.identity,
    repository,
    now: new Date(),
    limits: inbox.limits,
    commands: inbox.commands,
    say: createSay(shownTrigger(heard.context)),
    trigger: shownTrigger(heard.context),
  };
}

async function wantCard(
  tx: Executor,
  front: FrontEnd,
  heard: Heard,
  { answer }: Outcome,
  delivery: Delivery,
): Promise<void> {
  const { workspace: id } = answer;
  if (!id) return;
  const { thread } = heard.place;
  const card = front.cardOf
    ? front.cardOf(await store.readWhereabouts(tx, id), heard.place, { delivery, answer })
    : { thread, subject: id };
  if (card) await store.wantCard(tx, { front: front.name, ...card });
}

/** Wherever it was said: a pull request shows the workspace that somebody asked for in another chat. */
async function wantSignals({ fronts }: Inbox, tx: Executor, { answer }: Outcome): Promise<void> {
  const whereabouts = answer.workspace ? await store.readWhereabouts(tx, answer.workspace) : undefined;
  if (!whereabouts) return;
  for (const front of fronts.values())
    for (const signal of front.signalsOf?.(whereabouts) ?? [])
      await store.wantCard(tx, { front: front.name, ...signal });
}

/** A terminal is monospaced everywhere, a chat only between fences. */
const describeFailure = (failure: ParseFailure, front: Front): string =>
  [
    failure.caret && (front === 'console' ? failure.caret : `\`\`\`\n${failure.caret}\n\`\`\``),
    failure.message,
    failure.usage,
  ]
    .filter(Boolean)
    .join('\n');

async function endWith(
  inbox: Inbox,
  held: Held<Delivery>,
  answer: Answer | null | ((tx: Executor) => Promise<Answer | null>),
): Promise<void> {
  await inbox.db.transaction(async (tx) => {
    if (!(await store.lockDelivery(tx, held))) return;
    await store.endDelivery(tx, held, typeof answer === 'function' ? await answer(tx) : answer);
  });
}

/** How long a vendor may keep a thread waiting. */
const PATIENCE_MS = 10 * 60_000;

/** A vendor's limit, or a vendor that is down: nothing is lost, it is only later. Undefined: no more patience, or a bug. */
function pauseOf({ row }: Held<Delivery>, error: unknown): number | undefined {
  if (!(error instanceof ProviderError) || !error.retryable) return undefined;
  const pauseMs = error.retryAfterMs ?? Math.min(60_000, 1000 * 2 ** row.attempts);
  return Date.now() + pauseMs - row.receivedAt.getTime() < PATIENCE_MS ? pauseMs : undefined;
}

/** A bug, or a vendor that does not answer: some more tries, then a reference that finds it in the log. */
async function retryLater(inbox: Inbox, held: Held<Delivery>, error: unknown): Promise<void> {
  const pauseMs = pauseOf(held, error);
  if (pauseMs !== undefined) {
    inbox.log.warn({ delivery: held.row.deliveryId, error: messageOf(error) }, 'a request has to wait');
    return store.postponeDelivery(inbox.db, held, pauseMs);
  }
  const ref = randomBase32(6);
  inbox.log.error(
    { err: error, ref, source: held.row.source, delivery: held.row.deliveryId },
    'a request failed',
  );
  if (held.row.attempts + 1 < MAX_ATTEMPTS)
    return store.postponeDelivery(inbox.db, held, 1000 * 2 ** held.row.attempts);
  const text = `Something broke on our side (ref ${ref}). Say it again; if it breaks again, the log of the bot has the reason under that reference.`;
  await endWith(inbox, held, { ok: false, code: 'internal', text });
}
