// Puts a coding agent that does what its prompts say where a node looks for the real one. Knows no page and no chat.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sam } from './sam.ts';

const SCRIPT = fileURLToPath(new URL('../fakes/coding-agent.mjs', import.meta.url));
/** As agent/coding/programs.ts has them. */
const CLAUDE = 'claude-code-2.1.332/claude';
const ADAPTER = 'claude-agent-acp-0.101.0/node_modules/@agentclientprotocol/claude-agent-acp/dist/index.js';

/** What keeps the node from fetching the real one: nobody is there. */
export const NO_REGISTRY = { NPM_REGISTRY: 'http://127.0.0.1:9' };

/** On the node of a workspace that is there, before anything is asked in it. */
export async function placeScriptedClaude(sam: Sam, name: string): Promise<void> {
  const { nodeId } = await sam.row(name);
  placeScript(join(sam.place.dataDir, 'nodes', `vm-${nodeId?.slice(3)}`));
}

/** `node`: the folder of a local node. */
export function placeScript(node: string): void {
  const programs = join(node, 'data', 'programs');
  place(join(programs, CLAUDE), '#!/bin/sh\n', 0o755);
  const adapter = join(programs, ADAPTER);
  place(
    adapter,
    "process.argv.splice(2, 0, `${process.env.HOME}/conversations`);\nawait import('./coding-agent.mjs');\n",
  );
  place(join(dirname(adapter), '../package.json'), '{"type": "module"}');
  copyFileSync(SCRIPT, join(dirname(adapter), 'coding-agent.mjs'));
}

function place(file: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode });
}
