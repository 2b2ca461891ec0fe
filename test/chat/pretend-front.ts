// A second way to speak with Sam, for tests: a room in memory, where people say lines by a call and read what is shown to them.
// What it takes to add a front is this file and one entry in the table.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { meetPerson } from '../../bot/access/store/people.ts';
import {
  everyoneMay,
  noAcknowledgement,
  noExplanation,
  noNotice,
  noSignals,
  noTurns,
  ownCardInThread,
  personByLogin,
  type Conversation,
  type Front,
  type FrontEntry,
  type FrontOptions,
} from '../../bot/chat/front.ts';
import { storeDelivery } from '../../bot/chat/store/deliveries.ts';
import { createVoice, joined, wordAnswer } from '../../bot/chat/wording.ts';
import type { FrontTraits } from '../../bot/commands/command.ts';
import type { ParseContext } from '../../bot/commands/parser/parsed.ts';
import { locate } from '../../bot/forges/locate.ts';

export const TRIGGER = '!box';

export const inRoom: FrontTraits = {
  title: 'the room',
  isPublic: false,
  isOperator: false,
  hasChannels: false,
  hasLinkedAccounts: false,
  hasReviews: false,
  about: 'nothing',
};

export interface PretendFront {
  entry: FrontEntry;
  /** Stores what the person says; the workers do the rest. */
  says(person: string, line: string): Promise<void>;
  /** Answers in order, and each card as it stands. */
  shown(): string[];
  /** `start` and `stop`, as the bot called them. */
  calls: string[];
}

const Payload = z.object({ person: z.string(), line: z.string() });

export function createPretendFront(): PretendFront {
  const said: string[] = [];
  const cards = new Map<string, string>();
  const calls: string[] = [];
  let opened: FrontOptions | undefined;
  return {
    calls,
    shown: () => [...said, ...cards.values()],
    async says(person, line) {
      if (!opened) throw new Error('the bot has not opened the pretend front');
      const payload = { person, line };
      const request = { source: 'pretend', deliveryId: randomUUID(), thread: 'room', event: 'line', payload };
      await storeDelivery(opened.db, request);
    },
    entry(options): Front {
      opened = options;
      return {
        name: 'pretend',
        trigger: TRIGGER,
        conversation: createConversation(options, said, cards),
        routes: [],
        sources: [],
        sweeps: [],
        prompt: undefined,
        start: () => void calls.push('start'),
        stop: () => Promise.resolve(void calls.push('stop')),
        describe: () => ({
          title: 'Pretend',
          isOn: true,
          details: 'in memory',
          isForOthers: true,
          setUpUrl: undefined,
        }),
      };
    },
  };
}

function createConversation(
  { db, commands, forges, terminal }: FrontOptions,
  said: string[],
  cards: Map<string, string>,
): Conversation {
  const context: ParseContext = {
    traits: inRoom,
    markup: 'none',
    triggers: [TRIGGER],
    triggerOptional: false,
    commands,
    allowPaths: true,
    allowUrls: false,
  };
  return {
    traits: inRoom,
    thread: undefined,
    notice: noNotice,
    async hear({ payload, thread }) {
      const { person, line } = Payload.parse(payload);
      const actor = await meetPerson(db, { source: 'pretend', externalId: person, login: person });
      return { actor, spoken: { text: line, context }, place: { thread } };
    },
    locate: async (target) =>
      target && target.kind !== 'number' && target.kind !== 'name'
        ? locate(forges, target, terminal.cwd)
        : undefined,
    permit: everyoneMay,
    findPerson: personByLogin,
    explain: noExplanation,
    acknowledge: noAcknowledgement,
    answer(_, answer) {
      const text = joined(wordAnswer(answer, createVoice(TRIGGER), context));
      if (text) said.push(text);
      return Promise.resolve();
    },
    sendCard({ subject }, [view]) {
      cards.set(subject, `${view.name}: ${view.state}`);
      return Promise.resolve({});
    },
    sendTurn: noTurns,
    cardOf: ownCardInThread,
    signalsOf: noSignals,
  };
}
