// Workspaces and nodes in Postgres, a file for each table. Calls nobody outside.
export type { Executor, Held } from '../database/types.ts';
export * from './store/channels.ts';
export * from './store/commands.ts';
export * from './store/events.ts';
export * from './store/logs.ts';
export * from './store/node-changes.ts';
export * from './store/nodes.ts';
export * from './store/orphans.ts';
export * from './store/passes.ts';
export * from './store/reconciled.ts';
export * from './store/settings.ts';
export * from './store/sweeps.ts';
export * from './store/users.ts';
export * from './store/workspace-changes.ts';
export * from './store/workspaces.ts';
