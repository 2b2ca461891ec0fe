// The coding agents, one line each: what has to be on the node for one, and how it is started. Knows no workspace.
import type { CodingAgent, DesiredTurn } from '../protocol.ts';
import type { NodeCommand } from '../runtimes/runtime.ts';
import { CODEX_MODE, codexEnvironment, kindForCodex, type CodingModels } from './codex.ts';
import type { Wished } from './policy.ts';
import type { CodingPrograms } from './programs.ts';

export interface CodingAgentKind {
  /** What starts it, once all that it needs is here; may take as long as that takes. Undefined: it cannot be had on this node. */
  find: (programs: CodingPrograms) => Promise<NodeCommand | undefined>;
  /** Why it cannot, as far as somebody knows. */
  why: (programs: CodingPrograms) => Promise<string>;
  /** How it is led to its model; absent: as every program of the workspace. */
  environment?: (models: CodingModels) => Record<string, string>;
  /** How it treats what it may not do: by asking. */
  mode: string;
  /** What kind of tool the policy sees in what it wants to do; absent: what it says itself. */
  kindOf?: (wished: Wished, folder: string) => string;
  /** What it is told at the beginning of a turn, in its own terms. */
  meta?: (turn: Pick<DesiredTurn, 'task' | 'turn' | 'budgetUsd'>) => Record<string, unknown>;
  /** How it says that a turn has cost what it may. */
  saysSpent?: RegExp;
  /** `Name <mail>`: how commits name it. */
  author: string;
}

/**
 * What a checkout says of itself widens nothing: its settings name no command that runs unasked, no hook and no program that speaks
 * for a tool. Its instructions (CLAUDE.md) are read: they ask, and allow nothing.
 */
const CLAUDE_OPTIONS = {
  managedSettings: {
    allowManagedPermissionRulesOnly: true,
    allowManagedHooksOnly: true,
    allowManagedMcpServersOnly: true,
  },
  strictMcpConfig: true,
  // What is configured beside the instructions is looked for where no checkout writes.
  projectConfigRoot: '/',
};

/** It counts a budget from the start of its process, and another environment is what has it start anew for each turn. */
const budgetOf = ({ task, turn, budgetUsd }: Pick<DesiredTurn, 'task' | 'turn' | 'budgetUsd'>): object =>
  budgetUsd === undefined ? {} : { maxBudgetUsd: budgetUsd, env: { SAM_TURN: `${task}/${turn}` } };

export const CODING_AGENT_KINDS: Record<CodingAgent, CodingAgentKind> = {
  claude: {
    async find(programs) {
      const [claude, adapter] = await Promise.all([programs.findClaude(), programs.findAdapter()]);
      if (claude === undefined || adapter === undefined) return undefined;
      const env = { CLAUDE_CODE_EXECUTABLE: claude, CLAUDE_AGENT_ACP_PROTOCOL: 'v1' };
      return { file: process.execPath, args: [adapter], env };
    },
    why: (programs) => programs.why(),
    mode: 'default',
    meta: (turn) => ({ claudeCode: { options: { ...CLAUDE_OPTIONS, ...budgetOf(turn) } } }),
    saysSpent: /Reached maximum budget/i,
    author: 'Claude <noreply@anthropic.com>',
  },
  codex: {
    async find({ codex }) {
      const found = await codex.find();
      if (!found) return undefined;
      return { file: process.execPath, args: [found.adapter], env: { CODEX_PATH: found.program } };
    },
    why: ({ codex }) => codex.why(),
    environment: codexEnvironment,
    mode: CODEX_MODE,
    kindOf: kindForCodex,
    author: 'Codex <noreply@openai.com>',
  },
};
