// A person's shell in a workspace, as they would type in it: one command after the other, with what it said.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLink } from '../../bot/access/links.ts';
import { connect } from '../../bot/database/connect.ts';
import { openTerminal } from './terminal.ts';
import type { GitHub } from './github.ts';

export interface Shell {
  /** Standard output and errors together, and how it ended. */
  run(command: string): Promise<{ said: string; code: number }>;
  /** When somebody puts its terminal out. */
  closes(): Promise<number>;
}

export async function openShell({ place, sam }: GitHub, name: string): Promise<Shell> {
  const [row] = await place.sql<{ id: string; owner: string; access: number }[]>`
    select id, owner, access from workspaces where name = ${name} and desired <> 'deleted'`;
  if (!row) throw new Error(`there is no workspace ${name}`);
  const database = await connect(place.databaseUrl);
  const { id: workspace, owner: user, access } = row;
  const link = await createLink(database.db, sam.bot.url, { workspace, user, access });
  await database.close();
  const terminal = await openTerminal(link);
  let count = 0;
  return {
    closes: () => terminal.closes(),
    async run(command) {
      const file = join(place.root, `said-${name}-${++count}`);
      const end = await terminal.run(
        `( ${command} ) > ${file} 2>&1 < /dev/null; printf 'end-%s-%s.\\n' ${count} $?`,
        new RegExp(`end-${count}-(\\d+)\\.`),
      );
      return { said: readFileSync(file, 'utf8'), code: Number(/-(\d+)\.$/.exec(end)?.[1]) };
    },
  };
}
