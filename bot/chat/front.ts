// What every front has in common: requests in, answers and cards out. To add one, a folder beside this file and a line in
// bot/fronts.ts. Knows no vendor.
import type { Logger } from 'pino';
import type { Admins } from '../access/admins.ts';
import type { ParseContext, ParsedCommand, Target } from '../commands/parser/parsed.ts';
import type { FrontTraits } from '../commands/command.ts';
import type { Command, CommandContext, Place } from '../commands/context.ts';
import type { Config } from '../config.ts';
import type { Answer, Card, Delivery, Executor, FrontName, User, Workspace } from '../database/types.ts';
import { UserError } from '../errors.ts';
import type { Forge, Person, Repository } from '../forges/forge.ts';
import type { ForgeOptions } from '../forges/index.ts';
import type { Route } from '../http/routes.ts';
import type { Source } from '../jobs/loop.ts';
import type { Sweep } from '../jobs/sweeper.ts';
import type { TurnView } from './turn-view.ts';
import type { CardKnowledge, CardView } from './view.ts';

/** One that is off is there too: with its name, and perhaps with pages that set it up. */
export interface Front {
  /** What its rows say. */
  name: FrontName;
  /** What a command line begins with, as people type it there; empty where every line is one. */
  trigger: string;
  /** Undefined: it is off, and nobody is heard or answered. */
  conversation: Conversation | undefined;
  routes: readonly Route[];
  /** What the loop of the chats takes beside requests, answers and cards. */
  sources: readonly Source[];
  /** What is looked after every now and then. */
  sweeps: readonly Sweep[];
  /** The person at this process; undefined: nobody there speaks with this front. */
  prompt: Prompt | undefined;
  /** Goes and listens where nobody calls us. Does not wait. */
  start(): void;
  /** Hears nothing more. What is under way has ended before. */
  stop(): Promise<void>;
  /** For the banner. */
  describe(): FrontState;
}

export interface FrontState {
  /** `GitHub`. */
  title: string;
  isOn: boolean;
  /** What it is on with: half a sentence, or nothing. */
  details: string;
  /** Others than whoever started the bot speak there. */
  isForOthers: boolean;
  /** Where it is turned on, for nobody but whoever started the bot. */
  setUpUrl: string | undefined;
}

/** A line of the table. Loads no SDK for a front that is off. */
export type FrontEntry = (options: FrontOptions) => Front | Promise<Front>;

/** What this bot has, of which each front takes what it needs. */
export interface FrontOptions extends ForgeOptions {
  config: Config;
  db: Executor;
  commands: readonly Command[];
  /** Where repositories, and what people may do on them, are asked for. */
  forges: readonly Forge[];
  /** Who runs Sam for everybody. */
  admins: Admins;
  /** Those that sign links and seal tokens, the first for new ones. */
  encryptionKeys: Buffer[];
  /** What cards show beside the rows. */
  knowledge: CardKnowledge;
  /** The shortest time between two edits of a card, in the long run. */
  paceMs: number;
  /** Makes a person's private way into a workspace: a URL with a one-time code. With a key of ours the same one while it is unspent. */
  createLink(workspace: string, user: string): Promise<string>;
  /** The same to a port of it. */
  createPortLink(workspace: string, port: number, user: string): Promise<string>;
  /** The same to the person's own page, where their keys are. */
  createSettingsLink(user: string): Promise<string>;
  /** The secret of a token that was just made; to be shown to its owner alone, and written down nowhere. Undefined: it is gone. */
  createTokenSecret(id: string): Promise<string | undefined>;
  terminal: Terminal;
  log: Logger;
}

/** Where the bot was started, and by whom. */
export interface Terminal {
  screen: Screen;
  login: string;
  /** What relative paths are relative to. */
  cwd: string;
}

export interface Screen {
  /** Text that stays. */
  print(text: string): void;
  /** Draws a card, in place where that is possible; `progress` is the one line that stands for it elsewhere, if any. */
  show(id: string, lines: string[], progress: string): void;
  /** The card's last state stays on the screen; the next `show` of it begins anew. */
  freeze(id: string): void;
  /** The person ended a line: the cursor stands below it. Told at once, before anything else is drawn. */
  typed(line: string): void;
}

export interface Prompt {
  /** Stores the line and waits until its answer is shown and what it wants is reached or given up. */
  say(line: string, manner?: Manner): Promise<Ending>;
}

/** `once`: nobody can say another line after it. `quietly`: nothing is shown. */
export type Manner = 'once' | 'quietly';

export interface Ending {
  ok: boolean;
  /** The workspace it was about. */
  workspace?: string;
  /** The line made that workspace. */
  isNew?: boolean;
}

/** What was typed, and how it is read; or the command itself, where a label or a button is short for one. */
export type Spoken = { text: string; context: ParseContext } | { command: ParsedCommand };

/** A stored request, understood: who said what, and where. */
export interface IncomingCommand {
  actor: User;
  spoken: Spoken;
  place: Place;
  /** Who they are on this front, where that is kept apart from who they are. */
  identity?: CommandContext['identity'];
}

/** Where a workspace is shown. */
export type WorkspaceRef = Pick<Workspace, 'id' | 'topic' | 'repository' | 'key' | 'isPrivate'>;

/** A command, about to run. */
export interface PendingCommand {
  delivery: Delivery;
  incoming: IncomingCommand;
  command: Command;
  line: ParsedCommand;
  repository: Repository | undefined;
}

/** What was learnt of a person while their right was asked for. */
export interface Permission {
  /** The address of a repository that they maintain. */
  maintains?: string | undefined;
  /** Of one that they may read. */
  reads?: string | undefined;
  /** Of one on which they may ask coding agents. */
  asks?: string | undefined;
  /** They speak by something that leaves out whatever they may as those who run Sam. */
  isPlain?: boolean;
}

/** What to write down in the transaction that ends a request which is no command. */
export type Notice = (tx: Executor) => Promise<Answer | null>;

/** What a front does for the workers. All of it runs after the request is stored, and may be repeated. */
export interface Conversation {
  traits: FrontTraits;
  /** Set where only this process can show answers and cards: a console. */
  thread: string | undefined;
  /** Its answers and cards wait for their turn in a queue of its own, which it serves itself. */
  isQueued?: boolean;
  /** Whoever asks here looks for the answer themselves: none is shown, and no card. */
  isSilent?: boolean;
  /** For what is no command; undefined: it is none of that. */
  notice(delivery: Delivery): Promise<Notice | undefined>;
  /** Undefined: it was not meant for us; the request ends without an answer. */
  hear(delivery: Delivery): Promise<IncomingCommand | undefined>;
  /**
   * The repository that a command means, `target` undefined: the place where it was said. Undefined: the words name none.
   * Throws UserError when there is no such repository, or nobody may know of it.
   */
  locate(target: Target | undefined, delivery: Delivery): Promise<Repository | undefined>;
  /**
   * Whom somebody means by `@login`, or as the chat writes people, on the forge of that repository. Throws UserError: there is nobody, or
   * nobody knows who they are there.
   */
  findPerson(typed: string, place: { forge: Forge; label: string }, delivery: Delivery): Promise<Person>;
  /** Asks whether the person may say this here, now, and as whom. Throws UserError with who can help. */
  permit(asked: PendingCommand): Promise<Permission>;
  /** A failure that somebody can mend, in words for people; undefined: it is none. */
  explain(error: unknown, delivery: Delivery): UserError | undefined;
  /** Shows that it was heard and is allowed, before it runs. */
  acknowledge(delivery: Delivery): Promise<void>;
  /** Shows an answer to whoever asked. True: something was sent. */
  answer(delivery: Delivery, answer: Answer): Promise<boolean | void>;
  /** Posts or edits the card; the result is kept in its row. `later`: not now, and nothing was sent. */
  sendCard(card: Card, views: [CardView, ...CardView[]]): Promise<Partial<Card> | { later: Date }>;
  /** Posts what came of a turn into its thread; the result is kept, and it is never posted again. `later`: not now. */
  sendTurn(card: Card, turn: TurnView): Promise<Partial<Card> | { later: Date }>;
  /** The address of a thread, for people who may read it; undefined: it has none. */
  threadUrl?(thread: string): string | undefined;
  /** Which card shows the workspace here; undefined: none. */
  cardOf(
    workspace: WorkspaceRef,
    place: Place,
    request: { delivery: Delivery; answer: Answer },
  ): Pick<Card, 'thread' | 'subject'> | undefined;
  /** What else shows the workspace here, wherever it was asked for: `sendCard` gets these too. */
  signalsOf(workspace: WorkspaceRef): Pick<Card, 'thread' | 'subject' | 'kind'>[];
}

/** What came of an attempt: whether the vendor was written to, and how long it wants to be left alone. */
export interface Written {
  isWritten: boolean;
  waitMs?: number | undefined;
}

// For a front that has nothing of its own there.

/** All that is heard are commands. */
export const noNotice: Conversation['notice'] = () => Promise.resolve(undefined);

/** Nobody is asked: whoever can speak here may do all that the command itself allows. */
export const everyoneMay: Conversation['permit'] = () => Promise.resolve({});

/** People are called there as they are on the forge. */
export const personByLogin: Conversation['findPerson'] = async (typed, { forge, label }) => {
  const person = typed.startsWith('@') ? await forge.findPerson(label, typed.slice(1)) : undefined;
  if (!person) throw new UserError('no-person', { typed, in: forge.title });
  return person;
};

/** A failure is ours alone. */
export const noExplanation: Conversation['explain'] = () => undefined;

/** The answer comes at once. */
export const noAcknowledgement: Conversation['acknowledge'] = () => Promise.resolve();

/** Each workspace has one of its own where it was asked for. */
export const ownCardInThread: Conversation['cardOf'] = ({ id }, { thread }) => ({ thread, subject: id });

/** What comes of turns is not told there: whoever asked looks for it. */
export const noTurns: Conversation['sendTurn'] = () => Promise.resolve({});

/** Cards alone show workspaces. */
export const noSignals: Conversation['signalsOf'] = () => [];
