// What programs ask, as commands that take the way of every other one: who says it, which repository it means, and whether they may.
import { z } from 'zod';
import { findIdentities, type Known } from '../../access/store/people.ts';
import type { FrontTraits } from '../../commands/command.ts';
import type { ParseContext, ParsedCommand } from '../../commands/parser/parsed.ts';
import type { Executor, User } from '../../database/types.ts';
import { UserError } from '../../errors.ts';
import { locateOn, unknownRepository } from '../../forges/find.ts';
import { addressOf, findForge, type Forge, type Permission, type Person } from '../../forges/forge.ts';
import { placeOn } from '../../forges/locate.ts';
import { checkRight, isEnough, mayAsk } from '../../forges/rights.ts';
import {
  noAcknowledgement,
  noExplanation,
  noNotice,
  noSignals,
  noTurns,
  personByLogin,
  type Conversation,
  type FrontOptions,
  type PendingCommand,
} from '../front.ts';
import { FRONT } from './operation.ts';
import { readWorkspaceRef } from '../store/subjects.ts';

export const NAME = FRONT;

const overHttp: FrontTraits = {
  title: 'the API',
  isPublic: false,
  isOperator: false,
  hasChannels: false,
  hasLinkedAccounts: false,
  hasReviews: false,
  about: 'nothing',
};

/** `workspace`: the one that it is about, which the person may see. */
export const Payload = z.object({
  user: z.string(),
  name: z.string(),
  line: z.string(),
  workspace: z.string().optional(),
  /** Said by a browser, or by a token that leaves nothing out of what its person may. */
  isWhole: z.boolean().optional(),
  /** Said without words, which a prompt could be taken for; `id`: the task that it is about. */
  task: z
    .object({ verb: z.enum(['ask', 'cancel']), prompt: z.string().optional(), id: z.string().optional() })
    .optional(),
});

export const threadOf = (user: string): string => `${NAME}:${user}`;

type Options = Pick<FrontOptions, 'db' | 'forges' | 'commands'>;

export const contextFor = ({ commands, forges }: Pick<Options, 'commands' | 'forges'>): ParseContext => ({
  traits: overHttp,
  markup: 'none',
  triggers: [],
  triggerOptional: true,
  commands,
  ...(forges.length > 0 ? { hosts: forges.map(({ url }) => new URL(url).host) } : {}),
  allowPaths: false,
  allowUrls: false,
});

export function createConversation(options: Options): Conversation {
  const { db, forges } = options;
  const context = contextFor(options);
  return {
    traits: overHttp,
    thread: undefined,
    isSilent: true,
    notice: noNotice,
    hear({ payload, thread, deliveryId }) {
      const { user, name, line, workspace, task } = Payload.parse(payload);
      const actor = { id: user, name, createdAt: new Date(0) } satisfies User;
      if (task && workspace) {
        // What goes on with no task begins one.
        const begun = { thread: `${thread}:${deliveryId}`, workspace };
        const place = { ...begun, ...(task.id !== undefined && { task: { id: task.id } }) };
        const command = commandFor(task, { line, workspace });
        return Promise.resolve({ actor, spoken: { command }, place });
      }
      return Promise.resolve({ actor, spoken: { text: line, context }, place: { thread } });
    },
    async locate(target, { payload }) {
      if (!target || target.kind === 'name' || target.kind === 'number' || target.kind === 'path')
        return undefined;
      const place = placeOn(forges, target);
      if (!place)
        throw unknownRepository(target.kind === 'url' ? target.url : `${target.owner}/${target.name}`);
      const sender = await accountOn(db, Payload.parse(payload).user, place.forge);
      return locateOn(place.forge, place.target, { repository: '', sender });
    },
    findPerson: personByLogin,
    permit: async (asked) => {
      const { isWhole = false } = Payload.parse(asked.delivery.payload);
      return { ...(await permit(options, asked)), isPlain: !isWhole };
    },
    explain: noExplanation,
    acknowledge: noAcknowledgement,
    // Whoever asked waits for the row.
    answer: () => Promise.resolve(),
    sendCard: () => Promise.resolve({}),
    sendTurn: noTurns,
    cardOf: () => undefined,
    signalsOf: noSignals,
  };
}

const commandFor = (
  { verb, prompt }: NonNullable<z.infer<typeof Payload>['task']>,
  { line, workspace }: { line: string; workspace: string },
): ParsedCommand => ({
  kind: 'command',
  verb,
  ...(verb === 'ask' && { target: { kind: 'name', name: workspace } }),
  ...(prompt !== undefined && { prompt }),
  flags: verb === 'cancel' ? { all: true } : {},
  words: [],
  line,
  ignored: [],
});

/** Throws UserError: nobody knows who they are there. */
async function accountOn(db: Executor, user: string, forge: Forge): Promise<Person> {
  const account = await findAccount(db, user, forge);
  if (!account) throw new UserError('not-connected', {});
  return account;
}

async function findAccount(db: Executor, user: string, forge: Forge): Promise<Person | undefined> {
  const known: Known | undefined = (await findIdentities(db, [user], forge.name)).get(user);
  return known && { id: known.externalId, login: known.login };
}

async function permit({ db, forges }: Options, asked: PendingCommand): ReturnType<Conversation['permit']> {
  const { delivery, command, line, repository } = asked;
  const { user, workspace } = Payload.parse(delivery.payload);
  const address = repository?.url ?? (workspace && (await readWorkspaceRef(db, workspace)).repository);
  const place = address === undefined ? undefined : findForge(forges, address);
  if (!place) {
    // Where nobody can be asked the workspace is its owner's all the same, and nothing new is made.
    if (repository) throw unknownRepository(repository.label);
    return {};
  }
  const { forge, label } = place;
  // Of what is theirs already only that which keeps it running needs the right anew: stopping never does.
  if (repository || command.needsWrite) {
    const person = await accountOn(db, user, forge);
    await checkRight(forge, { label, person, command, line, isKnown: !repository });
  }
  const at = addressOf(forge, label);
  if (command.isForAskers && (await asksOn({ db, forges }, user, at))) return { asks: at };
  if (!command.isForMaintainers) return {};
  const permission = await permissionOn({ db, forges }, user, at);
  return isEnough(permission, 'maintain') ? { maintains: at } : {};
}

/** Whether a person may ask coding agents on the repository of that address. Where nobody can say they may not. */
export async function asksOn(
  { db, forges }: Pick<Options, 'db' | 'forges'>,
  user: string,
  address: string,
): Promise<boolean> {
  const place = findForge(forges, address);
  const person = place && (await findAccount(db, user, place.forge));
  if (!person) return false;
  return mayAsk(place.forge, place.label, person).catch(() => false);
}

/** What a person may do on the repository of that address. Undefined: nobody can say, which is nothing. */
export async function permissionOn(
  { db, forges }: Pick<Options, 'db' | 'forges'>,
  user: string,
  address: string,
): Promise<Permission | undefined> {
  const place = findForge(forges, address);
  const person = place && (await findAccount(db, user, place.forge));
  // A forge that is silent says nothing of what others have.
  return person && place.forge.readPermission(place.label, person).catch(() => undefined);
}
