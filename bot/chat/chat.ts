// What every front has in common: requests in, answers and cards out. Knows no vendor.
import type { ParseContext, ParsedCommand, Target } from '../commands/parsed.ts';
import type { Command, Place, Repository } from '../commands/scene.ts';
import type { Answer, Card, Delivery, Front, User } from '../database/types.ts';
import type { CardView } from './render/view.ts';

/** A stored request, understood: who said what, and where. */
export interface Heard {
  actor: User;
  text: string;
  context: ParseContext;
  place: Place;
}

/** What a front does for the workers. All but `accept`, which is its own affair, run after the request is stored. */
export interface FrontEnd {
  name: Front;
  /** Set where only this process can show answers and cards: a console. */
  thread?: string;
  /** Undefined: it was not meant for us; the request ends without an answer. */
  hear(delivery: Delivery): Promise<Heard | undefined>;
  /** The repository that a command means. Throws UserError when there is none, or nobody may know of it. */
  locate(target: Target, delivery: Delivery): Promise<Repository>;
  /** Asks whether the person may say this here, now. Throws UserError with who can help. */
  permit(
    heard: Heard,
    command: Command,
    parsed: ParsedCommand,
    repository: Repository | undefined,
  ): Promise<void>;
  /** Shows an answer to whoever asked. May be repeated. */
  answer(delivery: Delivery, answer: Answer): Promise<void>;
  /** Posts or edits the card; the result is kept in its row. */
  sendCard(card: Card, view: CardView): Promise<Partial<Card>>;
}
