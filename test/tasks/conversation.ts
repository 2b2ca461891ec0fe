// A bot, a fake GitHub and scripted machines: people ask, coding agents do what the test says.
import type { DesiredTurn, TurnHappening } from '../../agent/protocol.ts';
import type { Thread } from '../fakes/github/github.ts';
import { startGitHub, type GitHub, type GitHubOptions } from '../testers/github.ts';
import { createScriptedNodes, type ScriptedNodes } from '../testers/scripted-node.ts';
import { until } from '../until.ts';

export interface Asking extends GitHub {
  nodes: ScriptedNodes;
  newPull(): Promise<Thread>;
  /** As if they had left an Anthropic key, or one of those. */
  leaveKey(login: string, ...kinds: string[]): Promise<void>;
  /** The turn with that prompt, as its agent hears of it. */
  asked(prompt: string): Promise<DesiredTurn>;
  /** Says so for its agent, and waits until it is stored. */
  happens(turn: DesiredTurn, ...events: TurnHappening[]): Promise<void>;
  answers(thread: Thread): string[];
}

export async function startAsking(options: GitHubOptions = {}): Promise<Asking> {
  const nodes = createScriptedNodes();
  const env = {
    PROVIDER: 'scripted',
    MAX_COMMANDS_PER_HOUR: '0',
    MAX_WORKSPACES_PER_USER: '0',
    MAX_NODES_PER_USER: '0',
    ...options.env,
  };
  const github = await startGitHub({ ...options, env, providers: nodes.table });
  let pulls = 0;
  return {
    ...github,
    nodes,
    newPull: () => github.github.addPullRequest('acme/api', { by: 'bob', branch: `topic-${++pulls}` }),
    leaveKey: (login, ...kinds) => leaveKey(github, login, ...kinds),
    asked: (prompt) => nodes.turn((turn) => turn.prompt === prompt),
    async happens(turn, ...events) {
      const before = nodes.stored.length;
      nodes.happen(turn, ...events);
      await until(() => nodes.stored.length > before);
    },
    answers: (thread) =>
      github
        .comments(thread)
        .filter((one) => one.includes('sam:v1 tk-'))
        .map((one) =>
          one.replaceAll(/tk-[a-z2-7]{12}/g, 'tk-1').replaceAll(/ after (\d+m )?\d+s$/gm, ' after SPAN'),
        ),
    async [Symbol.asyncDispose]() {
      nodes.end();
      await github[Symbol.asyncDispose]();
    },
  };
}

export async function leaveKey(
  { github, place: { sql } }: Pick<GitHub, 'github' | 'place'>,
  login: string,
  ...kinds: string[]
): Promise<void> {
  const { id } = github.account(login);
  const user = `us-${login.padEnd(12, '2')}`;
  await sql`insert into users (id, name) values (${user}, ${login}) on conflict do nothing`;
  await sql`insert into identities (source, external_id, user_id, login)
    values ('github', ${id}, ${user}, ${login}) on conflict do nothing`;
  for (const kind of kinds.length > 0 ? kinds : ['anthropic'])
    await sql`insert into credentials (id, kind, owner, key_id, ciphertext)
      select user_id || ':' || ${kind}::text, ${kind}, user_id, 'none', '' from identities
       where source = 'github' and external_id = ${id} on conflict do nothing`;
}

export const done = (answer: string): TurnHappening => ({ kind: 'ended', outcome: 'done', answer });
