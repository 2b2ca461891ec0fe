// What rows are, as types alone: for everyone who may not touch the tables.
export type * from './schema.ts';
export type { Executor } from './executor.ts';
export type { Held } from './claims.ts';
