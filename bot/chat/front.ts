// What every front has in common: requests in, answers and cards out. Knows no vendor.
import type { ParseContext, ParsedCommand, Target } from '../commands/parser/parsed.ts';
import type { Command, CommandContext, Place } from '../commands/context.ts';
import type { Answer, Card, Delivery, Front, User, Workspace } from '../database/types.ts';
import type { UserError } from '../errors.ts';
import type { Repository } from '../forges/forge.ts';
import type { CardView } from './view.ts';
import type { Executor } from './store.ts';

/** What was typed, and how it is read; or the command itself, where a label or a button is short for one. */
export type Spoken = { text: string; context: ParseContext } | { command: ParsedCommand };

/** A stored request, understood: who said what, and where. */
export interface IncomingCommand {
  actor: User;
  spoken: Spoken;
  place: Place;
  /** Who they are on this front, where that is kept apart from who they are. */
  identity?: CommandContext['identity'];
  /** Everybody reads what is answered. */
  isPublic?: boolean;
  /** They run Sam. */
  isOperator?: boolean;
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
}

/** What a front does for the workers. All but `accept`, which is its own affair, run after the request is stored. */
export interface FrontEnd {
  name: Front;
  /** Set where only this process can show answers and cards: a console. */
  thread?: string;
  /** For what is no command: what to write down, in the transaction that ends the request. Undefined: it is none of that. */
  notice?(delivery: Delivery): Promise<((tx: Executor) => Promise<Answer | null>) | undefined>;
  /** Undefined: it was not meant for us; the request ends without an answer. */
  hear(delivery: Delivery): Promise<IncomingCommand | undefined>;
  /**
   * The repository that a command means, `target` undefined: the place where it was said. Undefined: the words name none.
   * Throws UserError when there is no such repository, or nobody may know of it.
   */
  locate(target: Target | undefined, delivery: Delivery): Promise<Repository | undefined>;
  /** Asks whether the person may say this here, now, and as whom. Throws UserError with who can help. */
  permit(asked: PendingCommand): Promise<Permission | void>;
  /** A failure that somebody can mend, in words for people; undefined: it is none. */
  explain?(error: unknown, delivery: Delivery): UserError | undefined;
  /** Shows that it was heard and is allowed, before it runs. May be repeated. */
  acknowledge?(delivery: Delivery): Promise<void>;
  /** Shows an answer to whoever asked. May be repeated. */
  answer(delivery: Delivery, answer: Answer): Promise<void>;
  /** Posts or edits the card; the result is kept in its row. `later`: not now, and nothing was sent. */
  sendCard(card: Card, views: [CardView, ...CardView[]]): Promise<Partial<Card> | { later: Date }>;
  /** Which card shows the workspace here; undefined: none. By default each has one of its own, in the thread. */
  cardOf?(
    workspace: WorkspaceRef,
    place: Place,
    request: { delivery: Delivery; answer: Answer },
  ): Pick<Card, 'thread' | 'subject'> | undefined;
  /** What else shows the workspace here, wherever it was asked for: `sendCard` gets these too. */
  signalsOf?(workspace: WorkspaceRef): Pick<Card, 'thread' | 'subject' | 'kind'>[];
}
