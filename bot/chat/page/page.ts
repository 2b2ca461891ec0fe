// The terminal's page as a place where commands are said: its buttons, which take the way of every other command. Types no word,
// shows no card; what comes of a press the page hears as it hears everything (live.ts).
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { findIdentities } from '../../access/store/people.ts';
import { PAGE } from '../../access/store/places.ts';
import { findShare } from '../../access/store/shares.ts';
import type { FrontTraits } from '../../commands/command.ts';
import type { User } from '../../database/types.ts';
import { UserError } from '../../errors.ts';
import { findForge } from '../../forges/forge.ts';
import { checkRight, mayAsk } from '../../forges/rights.ts';
import type { Route } from '../../http/routes.ts';
import {
  noAcknowledgement,
  noExplanation,
  noNotice,
  noSignals,
  noTurns,
  personByLogin,
  type Conversation,
  type Front,
  type FrontOptions,
} from '../front.ts';
import { readTurn, threadOf } from '../store/live.ts';
import { readWorkspaceRef } from '../store/subjects.ts';
import { PRESSES, type Press } from '../wording.ts';
import { createLive, type LiveOptions } from './live.ts';
import { createPageTasks, hearTask, TaskPress } from './tasks.ts';
import { outputRoute } from './output.ts';
import { logRoute } from './log.ts';
import { createPagePorts, type PagePortsOptions } from './ports.ts';
import { acceptPress } from './press.ts';
import { pushRoutes, type PagePushOptions } from './push.ts';

const onPage: FrontTraits = {
  title: 'the page of the terminal',
  isPublic: false,
  isOperator: false,
  hasChannels: false,
  hasLinkedAccounts: false,
  hasReviews: false,
  about: 'workspace',
};

const VERBS = Object.keys(PRESSES) as Press[];
const Payload = z.object({
  user: z.string(),
  name: z.string(),
  workspace: z.string(),
  verb: z.enum(VERBS),
  turn: z.number().optional(),
});
const MAX_PER_HOUR = 60;

/** Of each of them. */
const About = z.object({ workspace: z.string() });

/** What a front is to the workers; nobody starts it, and no banner tells of it. */
export type Page = Pick<Front, 'name' | 'routes' | 'sources' | 'stop'> & { conversation: Conversation };

export type PageOptions = Pick<FrontOptions, 'db' | 'forges'> &
  LiveOptions &
  PagePortsOptions &
  PagePushOptions;

export function createPage(options: PageOptions): Page {
  const live = createLive(options);
  const tasks = createPageTasks(options);
  const ports = createPagePorts(options);
  const press = (verb: Press): Route => ({
    method: 'POST',
    path: `/w/:workspace/${verb}`,
    handle: (req, res, { workspace = '' }) =>
      acceptPress(options, req, res, workspace, {
        thread: threadOf(workspace),
        event: verb,
        scope: verb,
        most: MAX_PER_HOUR,
        for: 'owner',
        read: () => ({ verb, ...turnIn(req) }),
      }),
  });
  return {
    name: PAGE,
    conversation: createConversation(options),
    routes: [
      live.route,
      ports.route,
      outputRoute(options),
      logRoute(options),
      ...VERBS.map(press),
      ...tasks.routes,
      ...pushRoutes(options),
    ],
    sources: [live.streams.source, tasks.streams.source, ports.streams.source],
    stop() {
      tasks.streams.end();
      ports.streams.end();
      live.streams.end();
      return Promise.resolve();
    },
  };
}

/** Of the state that the button belonged to; a page of the version before says none. */
function turnIn(req: IncomingMessage): { turn?: number } {
  const said = URL.parse(req.url ?? '', 'http://localhost')?.searchParams.get('turn') ?? '';
  return /^\d{1,9}$/.test(said) ? { turn: Number(said) } : {};
}

function createConversation({ db, forges }: PageOptions): Conversation {
  return {
    traits: onPage,
    thread: undefined,
    isSilent: true,
    notice: noNotice,
    async hear(delivery) {
      const { payload, thread } = delivery;
      if (TaskPress.safeParse(payload).success) return hearTask(db, delivery);
      const { user, name, workspace, verb, turn } = Payload.parse(payload);
      // Somebody has said something since: whoever pressed sees by now what came of that.
      if (turn !== undefined && turn !== (await readTurn(db, workspace))) return undefined;
      const command = {
        kind: 'command' as const,
        verb,
        target: { kind: 'name' as const, name: workspace },
        flags: {},
        words: [],
        line: `${verb} ${name}`,
        ignored: [],
      };
      const actor = { id: user, name: '', createdAt: new Date(0) } satisfies User;
      return { actor, spoken: { command }, place: { thread, workspace } };
    },
    locate: () => Promise.resolve(undefined),
    async permit({ delivery, incoming, command, line }) {
      const { workspace } = About.parse(delivery.payload);
      const { repository } = await readWorkspaceRef(db, workspace);
      const place = findForge(forges, repository);
      // As with its terminal: where nobody can be asked, or is known, the workspace is its owner's all the same.
      const identities = place && (await findIdentities(db, [incoming.actor.id], place.forge.name));
      const known = identities?.get(incoming.actor.id);
      const isGuest = (await findShare(db, workspace, incoming.actor.id)) !== undefined;
      if (isGuest && !known) throw new UserError('no-workspace', { why: 'none-such' });
      if (!place || !known) return {};
      const { forge, label } = place;
      const person = { id: known.externalId, login: known.login };
      await checkRight(forge, { label, person, command, line, isKnown: true });
      // Somebody else answers there what they could have asked.
      const mayAnswer = isGuest && command.isForAskers && (await mayAsk(forge, label, person));
      return mayAnswer ? { asks: repository } : {};
    },
    findPerson: personByLogin,
    explain: noExplanation,
    acknowledge: noAcknowledgement,
    answer: () => Promise.resolve(),
    sendCard: () => Promise.resolve({}),
    sendTurn: noTurns,
    cardOf: () => undefined,
    signalsOf: noSignals,
  };
}
