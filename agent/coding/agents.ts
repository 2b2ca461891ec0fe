// The coding agents, one line each: what has to be on the node for one, and how it is started. Knows no workspace.
import type { CodingAgent } from '../protocol.ts';
import type { NodeCommand } from '../runtimes/runtime.ts';
import type { CodingPrograms } from './programs.ts';

export interface CodingAgentKind {
  /** What starts it, once all that it needs is here; may take as long as that takes. Undefined: it cannot be had on this node. */
  find: (programs: CodingPrograms) => Promise<NodeCommand | undefined>;
  /** How it treats what it may not do: by asking. */
  mode: string;
  /** `Name <mail>`: how commits name it. */
  author: string;
}

export const CODING_AGENT_KINDS: Record<CodingAgent, CodingAgentKind> = {
  claude: {
    async find(programs) {
      const [claude, adapter] = await Promise.all([programs.findClaude(), programs.findAdapter()]);
      if (claude === undefined || adapter === undefined) return undefined;
      const env = { CLAUDE_CODE_EXECUTABLE: claude, CLAUDE_AGENT_ACP_PROTOCOL: 'v1' };
      return { file: process.execPath, args: [adapter], env };
    },
    mode: 'default',
    author: 'Claude <noreply@anthropic.com>',
  },
};
