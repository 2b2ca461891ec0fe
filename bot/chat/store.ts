// The inbox, the cards and what they show, in Postgres. Knows no vendor and no command.
export * from './store/answers.ts';
export * from './store/card-changes.ts';
export * from './store/cards.ts';
export {
  claimDelivery,
  deliveryDueInMs,
  endDelivery,
  forgetPayloads,
  lockDelivery,
  postponeDelivery,
  renewDelivery,
  storeDelivery,
  type NewDelivery,
} from './store/deliveries.ts';
export * from './store/notes.ts';
export type { Executor, Held } from '../database/types.ts';
export * from './store/recent-messages.ts';
export * from './store/subjects.ts';
// Whoever is met in a chat and whoever signs in are met in one way, or they would be two people.
export { meetPerson } from '../access/store.ts';
