// Workspaces and nodes in Postgres, by who speaks: passes, agents, people. Calls nobody outside.
export * from './store/boots.ts';
export * from './store/costs.ts';
export * from './store/channels.ts';
export * from './store/finding.ts';
export * from './store/making.ts';
export * from './store/nodes.ts';
export * from './store/orphans.ts';
export * from './store/passes.ts';
export * from './store/reports.ts';
export * from './store/rows.ts';
export type { Executor, Held } from '../database/types.ts';
export * from './store/surroundings.ts';
export * from './store/upkeep.ts';
export * from './store/changes.ts';
