// People, codes, browser sessions and bootstrap tokens in Postgres: only hashes, and one statement decides each race.
// Knows no HTTP and signs nothing.
export * from './store/codes.ts';
export * from './store/expiry.ts';
export * from './store/bootstrap.ts';
export * from './store/people.ts';
export * from './store/places.ts';
export type { Executor } from '../database/types.ts';
export * from './store/sessions.ts';
