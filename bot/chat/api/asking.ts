// A command's way from a program and back: stored under the request's key, run like every other one, and waited for. Knows no route.
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Answer } from '../../database/types.ts';
import { findUserName } from '../../access/store/people.ts';
import type { RefusalCodes, Said } from '../../codes.ts';
import { parse } from '../../commands/parser/parse.ts';
import type { ParseFailure } from '../../commands/parser/parsed.ts';
import type { Source } from '../../jobs/loop.ts';
import type { FrontOptions } from '../front.ts';
import { findRequest, freeKey, keepReply, readEnded, storeKeyed } from '../store/api.ts';
import { countPresses } from '../store/live.ts';
import { createSay, TRIGGER, wordRefusal } from '../wording.ts';
import { contextFor, NAME, threadOf, type Payload } from './conversation.ts';
import { ApiError, refuse, type Call, type Reply } from './operation.ts';

export type AskingOptions = Pick<FrontOptions, 'db' | 'forges' | 'commands' | 'config'>;

export interface Asking {
  /**
   * Says it and waits until it has run; `reply` tells what came of it, of the workspace that it is about. Throws ApiError. With a key
   * of the request's the answer is kept, and is the same for whoever sends it again.
   */
  ask(call: Call, said: Spoken, reply: Telling): Promise<Reply>;
  source: Source;
  /** Whoever waits hears that it goes on without them. */
  stop(): void;
}

/** Of the workspace that it was about, where it was about one, and of the request. */
type Telling = (workspace: string, deliveryId: string) => Promise<Reply>;

export interface Spoken {
  line: string;
  /** The one that it is about. */
  workspace?: string;
  /** What of the request is wrong where its words are no command. */
  field: string;
  /** Said instead of the line, which is only how it is called. */
  task?: z.infer<typeof Payload>['task'];
}

type Waiting = Map<string, Set<PromiseWithResolvers<Answer | null>>>;

/** A forge that takes its time is waited for no longer than this: proxies give up. */
const WAIT_MS = 25_000;
const LOOK_EVERY_MS = 1_000;

export function createAsking(options: AskingOptions): Asking {
  const waiting: Waiting = new Map();
  return {
    async ask(call, said, reply) {
      if (!said.task) checkWords(options, said);
      const deliveryId = await store(options, call, said);
      const answer = await waitFor(options, waiting, deliveryId);
      const ended = await conclude(answer, (workspace) => reply(workspace, deliveryId));
      if (!call.keyed) return ended;
      if (PASSING.has(ended.status)) {
        await freeKey(options.db, call.keyed, deliveryId);
        return ended;
      }
      const kept = await keepReply(options.db, call.keyed, { ...ended, body: JSON.stringify(ended.body) });
      return { status: kept.status, body: JSON.parse(kept.body) };
    },
    source: createSource(options, waiting),
    stop() {
      for (const waiters of waiting.values()) for (const { reject } of waiters) reject(stillWorking());
    },
  };
}

/** Another try may do better. */
const PASSING = new Set([500]);

const say = createSay(TRIGGER);

/** Before it is stored. Throws ApiError with the field whose words they were. */
function checkWords(options: AskingOptions, { line, field }: Spoken): void {
  const parsed = parse(line, contextFor(options));
  if (parsed.kind === 'error') throw refusedWords(parsed, { line, field });
  // A name like `--help` makes another line of it.
  if (parsed.kind !== 'command') throw refuse(400, 'bad-request', [field]);
  // A workspace's name is no repository; neither is a number, or a path of the bot's own machine.
  const isOther = parsed.target?.kind !== 'repository' && parsed.target?.kind !== 'url';
  if (field === 'repository' && isOther) throw refuse(400, 'bad-request', [field]);
}

const FLAGS: ReadonlySet<string> = new Set(['ref', 'config', 'name', 'size', 'expiry', 'new', 'for']);

function refusedWords({ code, details }: ParseFailure, { line, field }: Spoken): ApiError {
  const said = { code, details } as Said<RefusalCodes>;
  // What begins like a flag, where none can be, is a part of the word.
  const flag = 'flag' in details && FLAGS.has(details.flag) ? details.flag : undefined;
  const ref = code === 'bad-ref' && line.includes(' --ref=') ? 'ref' : undefined;
  return new ApiError(400, code, wordRefusal(said, say).text, [flag ?? ref ?? field]);
}

/** The delivery's id; of one that was sent before, that one's. Throws ApiError: too much was asked in this hour, and nothing is stored. */
async function store(
  options: AskingOptions,
  { caller, keyed, isRepeated }: Call,
  said: Spoken,
): Promise<string> {
  const { db } = options;
  const { user, isWhole } = caller;
  if (!isRepeated) await checkPace(options, user);
  const deliveryId = randomUUID();
  const name = (await findUserName(db, user)) ?? user;
  const { line, workspace, task } = said;
  const payload = {
    user,
    name,
    line,
    ...(isWhole && { isWhole }),
    ...(workspace && { workspace }),
    ...(task && { task }),
  };
  const delivery = { source: NAME, deliveryId, thread: threadOf(user), event: 'request', payload };
  if (await storeKeyed(db, delivery, keyed)) return deliveryId;
  const known = keyed && (await findRequest(db, keyed));
  if (!known?.deliveryId || known.fingerprint !== keyed?.fingerprint) throw refuse(422, 'key-reused');
  return known.deliveryId;
}

async function checkPace({ db, config }: AskingOptions, user: string): Promise<void> {
  const most = config.limits.commandsPerHour;
  if (most > 0 && (await countPresses(db, NAME, threadOf(user))) >= most)
    throw refusal({ code: 'too-often', details: { most, whom: 'person' } });
}

const stillWorking = (): ApiError => refuse(503, 'still-working');

async function waitFor({ db }: AskingOptions, waiting: Waiting, id: string): Promise<Answer | null> {
  const ended = Promise.withResolvers<Answer | null>();
  const waiters = waiting.get(id) ?? new Set();
  waiting.set(id, waiters.add(ended));
  const late = setTimeout(() => ended.reject(stillWorking()), WAIT_MS);
  // A stop may come while nobody awaits it yet.
  ended.promise.catch(() => undefined);
  try {
    // It may have ended before anybody waited for it.
    const before = (await readEnded(db, NAME, [id])).get(id);
    return before === undefined ? await ended.promise : before;
  } finally {
    clearTimeout(late);
    waiters.delete(ended);
    if (waiters.size === 0) waiting.delete(id);
  }
}

/** For the loop of the chats, which comes by when an answer is there. */
function createSource({ db }: AskingOptions, waiting: Waiting): Source {
  return {
    name: 'requests of programs',
    dueInMs: () => Promise.resolve(waiting.size > 0 ? LOOK_EVERY_MS : undefined),
    async take() {
      if (waiting.size === 0) return undefined;
      const ended = await readEnded(db, NAME, [...waiting.keys()]);
      for (const [id, answer] of ended) {
        for (const { resolve } of waiting.get(id) ?? []) resolve(answer);
        waiting.delete(id);
      }
      return undefined;
    },
  };
}

async function conclude(answer: Answer | null, reply: (workspace: string) => Promise<Reply>): Promise<Reply> {
  if (answer?.ok) return reply(answer.workspace ?? '');
  const { code, details } = answer ?? { code: 'internal', details: { ref: '' } };
  const { status, code: error, message } = refusal({ code, details } as Said<RefusalCodes>);
  return { status, body: { error, message } };
}

export const refusal = (said: Said<RefusalCodes>): ApiError =>
  new ApiError(STATUSES[said.code] ?? 409, said.code, wordRefusal(said, say).text);

/** What is none of these is a conflict with how things stand. */
const STATUSES: Partial<Record<keyof RefusalCodes, number>> = {
  'no-workspace': 404,
  'no-node': 404,
  'no-repository': 404,
  'no-thread': 404,
  'no-person': 422,
  'person-forbidden': 422,
  'share-self': 422,
  forbidden: 403,
  'needs-maintainer': 403,
  'not-connected': 403,
  'too-often': 429,
  'too-many-asks': 429,
  internal: 500,
};
