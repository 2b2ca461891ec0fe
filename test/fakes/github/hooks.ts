// Outgoing webhooks: signed, sent, kept, sent again. The payloads' shapes are payloads.ts's.
import { randomBytes, randomUUID } from 'node:crypto';
import { sign } from '@octokit/webhooks-methods';
import { makePayload } from './views/payloads.ts';
import {
  type Account,
  type Comment,
  type Installation,
  type Json,
  type Repository,
  type Thread,
  type World,
  covers,
} from './model.ts';
import { showComment, showIssue, showPull } from './views/threads.ts';
import { at, showLabels } from './views/views.ts';

/** One delivery, signed. `answer` is undefined where nobody was there to take it. */
export interface Delivery {
  id: number;
  /** The X-GitHub-Delivery header; a redelivery has that of the first. */
  guid: string;
  event: string;
  action: string | null;
  payload: Json;
  /** The bytes that were signed. */
  body: string;
  headers: Record<string, string>;
  to: string | undefined;
  redelivery: boolean;
  status: string;
  /** 0: it was not sent. */
  statusCode: number;
  durationMs: number;
  deliveredAt: Date;
  answer?: { status: number; body: string };
}

export interface DeliverOptions {
  id?: string;
  secret?: string;
  to?: string | undefined;
}

export interface Hooks {
  deliveries: Delivery[];
  deliver: (event: string, payload: Json, options?: DeliverOptions) => Promise<Delivery>;
  /** The same bytes under the same delivery id once more. */
  redeliver: (delivery: Delivery, to?: string) => Promise<Delivery>;
  /** About a repository; goes nowhere if the App is not installed there, or suspended. */
  about: (
    event: string,
    action: string,
    repository: Repository,
    sender: Account,
    parts: Json,
  ) => Promise<Delivery>;
  aboutComment: (action: string, comment: Comment, sender: Account, parts?: Json) => Promise<Delivery>;
  aboutLabel: (
    action: 'labeled' | 'unlabeled',
    thread: Thread,
    name: string,
    by: Account,
  ) => Promise<Delivery>;
  aboutThread: (action: string, thread: Thread, sender: Account, parts?: Json) => Promise<Delivery>;
  aboutInstallation: (
    event: string,
    action: string,
    installation: Installation,
    sender: Account,
    parts: Json,
  ) => Promise<Delivery>;
  /** Runs only if GitHub shall also tell the App of the App's own doings. */
  echo: (send: () => Promise<unknown>) => void;
  /** Something that goes on in the background until `settled`. */
  track: (work: Promise<unknown>) => void;
  settled: () => Promise<void>;
  show: (delivery: Delivery) => Json;
  manifests: { keep: (manifest: Json) => string; take: (code: string) => Json | undefined };
}

/** GitHub gives up after this. */
const patienceMs = 10_000;

/** How long the code of a manifest can be turned into an App. */
const manifestLifeMs = 3_600_000;

export function createHooks(world: World, { echoes = false }: { echoes?: boolean | undefined } = {}): Hooks {
  const deliveries: Delivery[] = [];
  const running = new Set<Promise<unknown>>();
  const manifests = new Map<string, { manifest: Json; expiresAt: number }>();

  const deliver: Hooks['deliver'] = async (event, payload, { id = randomUUID(), secret, to } = {}) => {
    const delivery = await pack(world, event, payload, id, secret ?? world.app.webhookSecret);
    return send(delivery, to ?? world.app.webhookUrl);
  };

  async function send(delivery: Delivery, to: string | undefined): Promise<Delivery> {
    delivery.to = to;
    if (to === undefined) return delivery;
    deliveries.push(delivery);
    await post(delivery, to);
    return delivery;
  }

  const about: Hooks['about'] = (event, action, repository, sender, parts) => {
    const payload = makePayload(world, event, action, { repository, sender, parts });
    const isHeard = world.installations.some((one) => covers(one, repository) && !one.suspendedAt);
    return isHeard
      ? deliver(event, payload)
      : pack(world, event, payload, randomUUID(), world.app.webhookSecret);
  };

  const aboutThread: Hooks['aboutThread'] = (action, thread, sender, parts = {}) => {
    const { number } = thread;
    if (thread.kind === 'issue') {
      return about('issues', action, thread.repository, sender, {
        issue: showIssue(world, thread),
        ...parts,
      });
    }
    const shown = { number, pull_request: showPull(world, thread) };
    return about('pull_request', action, thread.repository, sender, { ...shown, ...parts });
  };

  const hooks: Hooks = {
    deliveries,
    deliver,
    about,
    aboutThread,
    redeliver(delivery, to = delivery.to ?? world.app.webhookUrl) {
      const { answer: _, ...same } = delivery;
      return send({ ...same, id: world.nextId(), redelivery: true, deliveredAt: world.now() }, to);
    },
    aboutComment(action, comment, sender, parts = {}) {
      const { thread } = comment;
      const shown = showComment(world, comment);
      if (comment.kind === 'issue') {
        const all = { issue: showIssue(world, thread), comment: shown, ...parts };
        return about('issue_comment', action, thread.repository, sender, all);
      }
      const all = { pull_request: showPull(world, thread), comment: shown, ...parts };
      return about('pull_request_review_comment', action, thread.repository, sender, all);
    },
    aboutLabel(action, thread, name, by) {
      const label = showLabels(world, { ...thread, labels: [name] })[0];
      return aboutThread(action, thread, by, { label });
    },
    aboutInstallation(event, action, installation, sender, parts) {
      const payload = makePayload(world, event, action, { sender, parts });
      return deliver(event, payload);
    },
    echo(start) {
      if (echoes) hooks.track(start());
    },
    track(work) {
      const done = work.finally(() => running.delete(done));
      running.add(done);
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
    show,
    manifests: {
      keep(manifest) {
        const code = randomBytes(20).toString('hex');
        manifests.set(code, { manifest, expiresAt: world.now().getTime() + manifestLifeMs });
        world.secrets.push(code);
        return code;
      },
      take(code) {
        const kept = manifests.get(code);
        manifests.delete(code);
        return kept && kept.expiresAt > world.now().getTime() ? kept.manifest : undefined;
      },
    },
  };
  return hooks;
}

async function pack(
  world: World,
  event: string,
  payload: Json,
  guid: string,
  secret: string,
): Promise<Delivery> {
  const body = JSON.stringify(payload);
  return {
    id: world.nextId(),
    guid,
    event,
    action: (payload['action'] as string | undefined) ?? null,
    payload,
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/fa4e0f',
      'x-github-delivery': guid,
      'x-github-event': event,
      'x-github-hook-installation-target-id': String(world.app.id),
      'x-github-hook-installation-target-type': 'integration',
      'x-hub-signature-256': await sign(secret, body),
    },
    to: undefined,
    redelivery: false,
    status: 'not sent',
    statusCode: 0,
    durationMs: 0,
    deliveredAt: world.now(),
  };
}

async function post(delivery: Delivery, to: string): Promise<void> {
  const startedAt = performance.now();
  try {
    const { headers, body } = delivery;
    const answer = await fetch(to, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(patienceMs),
    });
    delivery.answer = { status: answer.status, body: await answer.text() };
    delivery.statusCode = answer.status;
    delivery.status = answer.ok ? 'OK' : `Invalid HTTP Response: ${answer.status}`;
  } catch (error) {
    const isLate = (error as Error).name === 'TimeoutError';
    delivery.statusCode = isLate ? 504 : 502;
    delivery.status = isLate ? 'timed out' : 'failed to connect to host';
  }
  delivery.durationMs = performance.now() - startedAt;
}

function show(delivery: Delivery): Json {
  const idIn = (name: string) => (delivery.payload[name] as { id: number } | undefined)?.id ?? null;
  return {
    id: delivery.id,
    guid: delivery.guid,
    delivered_at: at(delivery.deliveredAt),
    redelivery: delivery.redelivery,
    duration: Math.round(delivery.durationMs) / 1000,
    status: delivery.status,
    status_code: delivery.statusCode,
    event: delivery.event,
    action: delivery.action,
    installation_id: idIn('installation'),
    repository_id: idIn('repository'),
  };
}
