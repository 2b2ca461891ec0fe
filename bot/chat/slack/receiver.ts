// Where Slack comes in: signature and time, then one transaction, then the acknowledgement. Calls nobody and runs nothing.
// Bolt reads what Slack says, over HTTP or over a WebSocket that we dial; what it acknowledges too early is held back.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { App, HTTPReceiver, SocketModeReceiver, type Logger as BoltLogger } from '@slack/bolt';
import type { Logger } from 'pino';
import { messageOf } from '../../errors.ts';
import { fail, readBody, type Route } from '../../http/routes.ts';
import { quietLogger } from './calls.ts';
import type { SlackConfig } from './config.ts';
import { understand } from './events.ts';
import type { Event, Understood } from './request.ts';
import type { Field, FormRequest } from './forms/events.ts';
import { openHome } from './home/store.ts';
import { optionOf } from './forms/render.ts';
import * as store from '../store.ts';
import type { Executor } from '../store.ts';

export interface SlackDoorOptions {
  db: Executor;
  config: SlackConfig;
  /** What the person sees at once; undefined: nothing. */
  promise: (event: Event) => string | undefined;
  /** What is wrong with the fields of a form, by field; undefined: nothing. */
  refuse: (event: Event, fields: Field[]) => Promise<Record<string, string> | undefined>;
  /** False: it could not be opened. Never throws. */
  openForm: (request: FormRequest) => Promise<boolean>;
  /** What may be offered to whoever types. Never throws. */
  suggest: (person: { home: string; user: string; typed: string }) => Promise<string[]>;
  /** Slack took the app away there, at that time. */
  forget: (team: string, at: Date) => Promise<void>;
  log: Logger;
}

export interface SlackDoor {
  routes: Route[];
  /** Dials Slack in Socket Mode; does nothing else. Keeps trying; never throws. */
  start: () => void;
  stop: () => Promise<void>;
}

type Receiver = NonNullable<NonNullable<ConstructorParameters<typeof App>[0]>['receiver']>;
type ReceiverEvent = Parameters<App['processEvent']>[0];
type SocketClient = SocketModeReceiver['client'];
type Reply =
  | { response_type: 'ephemeral'; text: string }
  | { response_action: 'errors'; errors: Record<string, string> }
  | { options: ReturnType<typeof optionOf>[] };

const PATH = '/slack/events';
const MAX_BODY_BYTES = 256 * 1024;
/** Both ways: a time in the future would be a request that can be repeated for long. */
const WINDOW_SECONDS = 300;

export async function createSlackDoor(options: SlackDoorOptions): Promise<SlackDoor> {
  const { config } = options;
  const logger = quietLogger(options.log);
  if (config.appToken !== undefined) return createSocketDoor(options, config.appToken, logger);
  const receiver = new HTTPReceiver({ signingSecret: config.signingSecret, endpoints: [PATH], logger });
  await connectApp(options, receiver, logger);
  const handle = (req: IncomingMessage, res: ServerResponse) => accept(options, receiver, req, res);
  return { routes: [{ method: 'POST', path: PATH, handle }], start: () => {}, stop: () => Promise.resolve() };
}

async function createSocketDoor(
  options: SlackDoorOptions,
  appToken: string,
  logger: BoltLogger,
): Promise<SlackDoor> {
  const { config, log } = options;
  const clientOptions = { slackApiUrl: config.apiUrl, retryConfig: { retries: 0 } };
  const receiver = new SocketModeReceiver({ appToken, logger, installerOptions: { clientOptions } });
  // By itself it would give up, or end the process, when Slack refuses it later on.
  const { client } = receiver;
  Object.assign(client, { autoReconnectEnabled: false });
  await connectApp(options, receiver, logger);
  const ending = new AbortController();
  let dialling: Promise<void> = Promise.resolve();
  return {
    routes: [],
    start: () => void (dialling = keepDialling(client, ending.signal, log)),
    async stop() {
      ending.abort();
      // Without a connection it would wait for one to end.
      if (client.websocket?.isActive()) await client.disconnect();
      await dialling;
    },
  };
}

const MAX_PAUSE_MS = 60_000;

/** Slack ends its connections now and then: the next one is dialled at once, and after a failure later and later. */
async function keepDialling(client: SocketClient, signal: AbortSignal, log: Logger): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      const ended = new Promise((resolve) => client.once('disconnected', resolve));
      await client.start();
      failures = 0;
      await ended;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      log.error({ error: messageOf(error) }, 'Slack did not take our connection; it is tried again');
      await setTimeout(Math.min(MAX_PAUSE_MS, 500 * 2 ** failures), undefined, { signal }).catch(() => {});
    }
  }
}

/** One listener for everything: whatever comes is acknowledged, whoever has no use for it. */
async function connectApp(options: SlackDoorOptions, receiver: Receiver, logger: BoltLogger): Promise<void> {
  const app = new App({
    receiver: acknowledgingLast(receiver),
    // Nobody is asked while Slack waits: the workers know whose token they need.
    authorize: () => Promise.resolve({}),
    deferInitialization: true,
    ignoreSelf: false,
    convoStore: false,
    logger,
  });
  app.use(async (args) => {
    const reply = await remember(options, args.body);
    const { ack } = args as unknown as { ack?: (reply?: Reply) => Promise<void> };
    await ack?.(reply);
  });
  await app.init();
}

/** Bolt acknowledges events before anybody has heard them: a crash in between would lose them. */
function acknowledgingLast(receiver: Receiver): Receiver {
  const processEvent = (app: App) => async (event: ReceiverEvent) => {
    let reply: unknown;
    const ack = (given?: unknown): Promise<void> => {
      reply = given;
      return Promise.resolve();
    };
    await app.processEvent({ ...event, ack });
    await event.ack(reply);
  };
  return {
    init: (app) => receiver.init({ processEvent: processEvent(app) } as unknown as App),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };
}

/** Stores the request, or sees that it was here before. What the person shall see at once, if anything. */
async function remember(options: SlackDoorOptions, body: unknown): Promise<Reply | undefined> {
  const { db, config, promise, refuse } = options;
  const understood = understand(body, config.command);
  if (!('delivery' in understood)) return answerAtOnce(options, understood);
  const { delivery, event, fields = [], form } = understood;
  const errors = await refuse(event, fields);
  if (errors) return { response_action: 'errors', errors };
  if (form) {
    // Slack's permission to open it ends in three seconds, and opening one changes nothing.
    void openOr(options, form, () => store.storeDelivery(db, delivery));
    return undefined;
  }
  await store.storeDelivery(db, delivery);
  const text = promise(event);
  return text === undefined ? undefined : { response_type: 'ephemeral', text };
}

async function openOr(
  { openForm, log }: SlackDoorOptions,
  form: FormRequest,
  otherwise: () => Promise<unknown>,
): Promise<void> {
  if (await openForm(form)) return;
  await otherwise().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'a press was lost'));
}

/** What is no request: nothing of it is kept but that a Home was opened, or the app taken away. */
async function answerAtOnce(
  options: SlackDoorOptions,
  understood: Exclude<Understood, { delivery: unknown }>,
): Promise<Reply | undefined> {
  const { db, config, forget, suggest } = options;
  if ('gone' in understood) await forget(understood.gone, understood.at);
  else if ('home' in understood) await openHome(db, understood.home);
  else if ('typing' in understood) {
    const { typing: typed, user, at: home } = understood;
    return { options: (await suggest({ home, user, typed })).map(optionOf) };
  } else if (understood.nothing === 'another command')
    return {
      response_type: 'ephemeral',
      text: `Here I listen to \`${config.command}\`: \`${config.command} help\`.`,
    };
  return undefined;
}

async function accept(
  { config }: SlackDoorOptions,
  receiver: HTTPReceiver,
  req: IncomingMessage & { rawBody?: Buffer | undefined },
  res: ServerResponse,
): Promise<void> {
  const raw = await readBody(req, MAX_BODY_BYTES);
  if (!isSigned(config.signingSecret, req, raw, Date.now() / 1000))
    return fail(res, 401, 'bad-signature', 'This was not signed with our signing secret, or not just now.');
  req.rawBody = raw;
  const ended = once(res, 'close');
  receiver.requestListener(req, res);
  await ended;
}

function isSigned(secret: string, req: IncomingMessage, raw: Buffer, nowSeconds: number): boolean {
  const at = String(req.headers['x-slack-request-timestamp'] ?? '');
  if (!/^\d{1,12}$/.test(at) || Math.abs(nowSeconds - Number(at)) > WINDOW_SECONDS) return false;
  const wanted = createHmac('sha256', secret).update(`v0:${at}:`).update(raw).digest('hex');
  const [one, other] = [
    Buffer.from(`v0=${wanted}`),
    Buffer.from(String(req.headers['x-slack-signature'] ?? '')),
  ];
  return one.length === other.length && timingSafeEqual(one, other);
}
