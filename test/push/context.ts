// Two bots over one database that tell browsers what happens, a page, a push service, and what coding agents do as a test says.
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { TurnHappening } from '../../agent/protocol.ts';
import { admit, startSession } from '../../bot/access/people/sessions.ts';
import type { RightLeft } from '../../bot/access/repository-guard.ts';
import { createPage } from '../../bot/chat/page/page.ts';
import { wordPush } from '../../bot/chat/wording.ts';
import type { Workspace } from '../../bot/database/schema.ts';
import { newTaskId } from '../../bot/ids.ts';
import { createLoop, type Loop } from '../../bot/jobs/loop.ts';
import { pushSource } from '../../bot/push/push.ts';
import { openSenderKey, type SenderKey } from '../../bot/push/sender-key.ts';
import { saveTaskEvents } from '../../bot/tasks/store/events.ts';
import { addTurn } from '../../bot/tasks/store/turns.ts';
import { openRows, type Rows } from '../access/rows.ts';
import { serveRoutes, type TestServer } from '../access/http-server.ts';
import { startPushService, type Device, type PushService } from '../fakes/push.ts';
import { until } from '../until.ts';

export interface Pushing {
  rows: Rows;
  server: TestServer;
  service: PushService;
  key: SenderKey;
  /** A new one for each test; it runs. */
  workspace: Workspace;
  /** What the forge says of everybody; `there` at the start of each test. */
  right: RightLeft;
}

export interface Wish {
  questions: boolean;
  commands: boolean;
}

/** What it gives is filled in before each test. */
export function usePushing() {
  const site = {} as Pushing;
  let bots: Loop[] = [];
  beforeAll(async () => {
    site.rows = await openRows();
    site.service = await startPushService();
    const { db } = site.rows;
    const own = [site.service.origin];
    const mayStill = async () => site.right;
    site.server = await serveRoutes(async (baseUrl) => {
      const key = await openSenderKey(db, [randomBytes(32)], baseUrl);
      site.key = key!;
      const push = { key: site.key, own };
      return { routes: [...createPage({ db, forges: [], baseUrl, triggers: {}, mayStill, push }).routes] };
    });
    const log = pino({ level: 'silent' });
    const source = () => pushSource({ db, log, key: site.key, own, mayStill, word: wordPush });
    bots = [1, 2].map(() => createLoop([source()], { log, pollMs: 50 }));
    for (const bot of bots) bot.start();
  });
  afterAll(async () => {
    for (const bot of bots) await bot.stop();
    await site.server.close();
    await site.service.close();
    await site.rows.close();
  });
  beforeEach(async () => {
    site.right = { is: 'there' };
    site.workspace = await site.rows.addWorkspace();
    site.service.complaints.length = 0;
  });
  return { site, ...peopleOn(site), ...agentsOn(site) };
}

function peopleOn(site: Pushing) {
  async function say(
    method: 'GET' | 'PUT' | 'POST',
    cookie: string,
    body?: unknown,
    { path = '', id = site.workspace.id, origin = site.server.origin }: SayOptions = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${site.server.origin}/w/${id}/push${path}`, {
      method,
      headers: { cookie, origin, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  return {
    say,
    signIn: async (user = site.workspace.owner) => `sam=${(await startSession(site.rows.db, user)).secret}`,
    /** By a link: a session that is its person here alone. */
    enter: async ({ id, owner, access } = site.workspace) =>
      `sam=${(await admit(site.rows.db, owner, { id, access }, undefined)).secret}`,
    /** A browser with that cookie turns it on. */
    turnOn: async (cookie: string, wish: Partial<Wish> = {}): Promise<Device> => {
      const device = await site.service.subscribe(site.key.shown);
      const body = { ...device.subscription, questions: true, commands: true, ...wish };
      const { status } = await say('PUT', cookie, body);
      if (status !== 200) throw new Error(`not turned on: ${status}`);
      return device;
    },
    /** Waits until nothing is left to be told. */
    settle: () =>
      until(async () => {
        const [row] = await site.rows.sql`select count(*)::int as n from pushes where next_at is not null`;
        return row!['n'] === 0;
      }),
  };
}

interface SayOptions {
  path?: string;
  id?: string;
  origin?: string;
}

function agentsOn(site: Pushing) {
  const seqs = new Map<string, number>();
  async function happens(task: string, ...events: TurnHappening[]): Promise<void> {
    const first = seqs.get(task) ?? 0;
    seqs.set(task, first + events.length);
    const about = { workspace: site.workspace.id, task, turn: 1, at: Date.now() };
    const said = events.map((event, place) => ({ ...about, seq: first + place + 1, event }));
    await saveTaskEvents(site.rows.db, site.workspace.nodeId!, said);
  }
  /** A turn that is at work; gives its task. */
  async function asks(actor = site.workspace.owner, agent: 'claude' | 'shell' = 'claude'): Promise<string> {
    const { rows, workspace } = site;
    const deliveryId = newTaskId();
    const more = { policy: { allow: [], deny: [] }, minutes: 5, thread: deliveryId, agent, workspace };
    await addTurn(rows.db, { actor, source: 'page', deliveryId, prompt: 'do it', ...more });
    const [row] = await rows.sql`select task_id from task_turns where delivery_id = ${deliveryId}`;
    const task = row!['task_id'] as string;
    await happens(task, { kind: 'started' });
    return task;
  }
  return { asks, happens };
}

export const question = (request: string, title = 'rm -rf secret-plans'): TurnHappening => ({
  kind: 'question',
  request,
  tool: 'execute',
  title,
  minutes: 10,
});
