// One site for the tests of a file, as new for each: the browser of ann, who has a workspace, and a GitHub in good health.
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Workspace } from '../../../bot/database/schema.ts';
import { startSignInSite, type SignInSite, type TestBrowser } from './sign-in-site.ts';

export let site: SignInSite;
export let ann: TestBrowser;
export let workspace: Workspace;

beforeAll(async () => {
  site = await startSignInSite();
});
afterAll(() => site.close());
beforeEach(async () => {
  site.github.mend();
  site.github.refuseSignIn(false);
  site.github.signedInAs('ann');
  site.log.length = 0;
  ann = site.browser();
  workspace = await site.rows.addWorkspace({ owner: await site.userOf('ann') });
});

export const askTicket = (browser: TestBrowser, id = workspace.id, more: object = {}) =>
  browser.post('/api/terminal/token', { json: { workspace: id, ...more } });
export const countSessions = async (login: string) => {
  const [row] = await site.rows.sql`
    select count(*)::int from browser_sessions where user_id = ${await site.userOf(login)}`;
  return Number(row!['count']);
};
export const change = (patch: Partial<Pick<Workspace, 'phase' | 'desired' | 'access'>>) =>
  site.rows.sql`update workspaces set ${site.rows.sql(patch)} where id = ${workspace.id}`;
