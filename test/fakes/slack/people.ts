// People in the fake Slack: they type, mention, press. What they do is signed, sent, and sent again as Slack would.
import { createHmac, randomBytes } from 'node:crypto';
import type { Sockets } from './socket.ts';
import {
  addMessage,
  issueHook,
  openIm,
  type Channel,
  type Json,
  type Message,
  type Person,
  type World,
} from './model.ts';

/** One request to the app, as it went. */
export interface Sent {
  body: string;
  headers: Record<string, string>;
  /** 0: no answer within three seconds. */
  status: number;
  answer: string;
  ms: number;
}

export interface SendOptions {
  secret?: string;
  /** In seconds; now if not said. */
  at?: number;
  headers?: Record<string, string>;
}

export interface Acts {
  /** `/sam …` in a channel; what the app acknowledges with is an ephemeral message. */
  slash(user: Person, channel: Channel, text: string, more?: Json & { command?: string }): Promise<Sent>;
  /** Says something that mentions the bot: `{bot}` stands for it. */
  mention(user: Person, channel: Channel, text: string, inThread?: Message): Promise<Message>;
  direct(user: Person, text: string): Promise<Message>;
  /** Presses a button by its label, or chooses that option of a menu. */
  press(user: Person, message: Message, label: string): Promise<Sent>;
  /** Opens the app's Home. */
  openHome(user: Person): Promise<Sent>;
  /** The Home that the person sees, or the form that was opened last for them. */
  view(user: Person, type: 'home' | 'modal'): Json | undefined;
  pressHome(user: Person, label: string): Promise<Sent>;
  /** Our entry in the menu of a message. */
  shortcut(user: Person, message: Message): Promise<Sent>;
  /** Fills the newest form, and sends it; a field's name is its block. */
  fill(user: Person, values: Record<string, string>): Promise<Sent>;
  /** What is offered while they type into a field of the newest form. */
  offered(user: Person, block: string, typed: string): Promise<string[]>;
  event(event: Json, more?: Json): Promise<Sent>;
  send(body: string, kind: 'form' | 'json', options?: SendOptions): Promise<Sent>;
  /** The very bytes once more. */
  again(sent: Sent, headers?: Record<string, string>): Promise<Sent>;
}

const DEADLINE_MS = 3_000;
const MOST_RETRIES = 3;

export function createActs(world: World, target: () => string, sockets: Sockets): Acts {
  async function post(body: string, headers: Record<string, string>): Promise<Sent> {
    const from = performance.now();
    const ended = await (sockets.isOpen() ? sendEnvelope(body) : sendRequest(body, headers));
    return { body, headers, ...ended, ms: performance.now() - from };
  }

  const sendRequest = (
    body: string,
    headers: Record<string, string>,
  ): Promise<Pick<Sent, 'status' | 'answer'>> =>
    fetch(target(), { method: 'POST', body, headers, signal: AbortSignal.timeout(DEADLINE_MS) }).then(
      async (response) => ({ status: response.status, answer: await response.text() }),
      (error: unknown) => ({ status: 0, answer: String(error) }),
    );

  /** In Socket Mode nothing is signed: the socket is the proof. */
  async function sendEnvelope(body: string): Promise<Pick<Sent, 'status' | 'answer'>> {
    const isEvent = body.startsWith('{');
    const fields = isEvent ? {} : Object.fromEntries(new URLSearchParams(body));
    const { payload } = fields;
    const answer = isEvent
      ? await sockets.send('events_api', JSON.parse(body) as Json)
      : await (payload
          ? sockets.send('interactive', JSON.parse(payload) as Json)
          : sockets.send('slash_commands', fields));
    if (!answer) return { status: 0, answer: '' };
    return { status: 200, answer: Object.keys(answer).length > 0 ? JSON.stringify(answer) : '' };
  }

  const acts: Acts = {
    async slash(user, channel, text, { command = '/sam', ...more } = {}) {
      const fields = {
        token: 'legacy',
        team_id: channel.team,
        team_domain: 'team',
        channel_id: channel.id,
        channel_name: channel.name,
        user_id: user.id,
        user_name: user.name,
        command,
        text,
        api_app_id: 'A0APP',
        is_enterprise_install: 'false',
        response_url: issueHook(world, channel.id, user.id),
        trigger_id: newTrigger(user),
        ...(more as Record<string, string>),
      };
      const sent = await acts.send(new URLSearchParams(fields).toString(), 'form');
      if (sent.status !== 200)
        world.complaints.push(`${command} failed with the error "operation_timeout" (${sent.status})`);
      else showAck(channel, user, sent.answer);
      return sent;
    },
    async mention(user, channel, text, inThread) {
      const message = say(user, channel, text, inThread);
      if (channel.members.has(world.botUser))
        await acts.event({ ...eventOf(message, user), type: 'app_mention' });
      return message;
    },
    async direct(user, text) {
      const message = say(user, openIm(world, user.id), text);
      await acts.event({ ...eventOf(message, user), type: 'message', channel_type: 'im' });
      return message;
    },
    async press(user, message, label) {
      const sent = await acts.send(formOf(pressOf(user, message, label)), 'form');
      if (sent.status !== 200)
        world.complaints.push(`a press on ${label} was not acknowledged (${sent.status})`);
      return sent;
    },
    openHome: (user) =>
      acts.event(
        { type: 'app_home_opened', user: user.id, channel: openIm(world, user.id).id, tab: 'home' },
        { team_id: user.team, authorizations: [{ team_id: user.team, user_id: world.botUser }] },
      ),
    view: (user, type) => world.views.findLast((one) => one['user'] === user.id && one['type'] === type),
    async pressHome(user, label) {
      const view = acts.view(user, 'home') ?? {};
      const { action, block } = findAction({ text: 'Home', blocks: view['blocks'] as Json[] }, label);
      return interact(label, {
        type: 'block_actions',
        ...whoIs(user),
        container: { type: 'view', view_id: view['id'] },
        view: { id: view['id'], type: 'home', hash: 'h' },
        trigger_id: newTrigger(user),
        actions: [{ ...action, block_id: block['block_id'], action_ts: world.nextTs() }],
      });
    },
    shortcut: (user, message) =>
      interact('a shortcut', {
        type: 'message_action',
        callback_id: 'start_workspace',
        ...whoIs(user),
        channel: { id: message.channel, name: world.channels.get(message.channel)?.name },
        message: {
          type: 'message',
          user: message.user,
          ts: message.ts,
          text: message.text,
          ...(message.threadTs ? { thread_ts: message.threadTs } : {}),
        },
        message_ts: message.ts,
        trigger_id: newTrigger(user),
        response_url: issueHook(world, message.channel, user.id, message),
      }),
    fill(user, values) {
      const view = acts.view(user, 'modal') ?? {};
      return interact('a form', {
        type: 'view_submission',
        ...whoIs(user),
        trigger_id: newTrigger(user),
        view: { ...view, user: undefined, state: { values: stateOf(view, values) } },
        response_urls: [],
      });
    },
    async offered(user, block, typed) {
      const view = acts.view(user, 'modal') ?? {};
      const sent = await interact('a search', {
        type: 'block_suggestion',
        ...whoIs(user),
        container: { type: 'view', view_id: view['id'] },
        view: { ...view, user: undefined },
        block_id: block,
        action_id: block,
        value: typed,
      });
      return (readJson(sent.answer) as { options: Json[] }).options.map(labelOf);
    },
    async event(event, more = {}) {
      const name =
        event['type'] === 'message' ? `message.${String(event['channel_type'])}` : String(event['type']);
      if (world.events && !world.events.includes(name))
        world.complaints.push(`the app does not hear of ${name}`);
      const team = world.channels.get(String(event['channel']))?.team ?? world.team;
      const body = JSON.stringify({
        token: 'legacy',
        team_id: team,
        api_app_id: 'A0APP',
        event,
        type: 'event_callback',
        event_id: `Ev${randomBytes(6).toString('hex').toUpperCase()}`,
        event_time: Math.floor(Date.now() / 1000),
        authorizations: [
          { team_id: team, user_id: world.botUser, is_bot: true, is_enterprise_install: false },
        ],
        ...more,
      });
      let sent = await acts.send(body, 'json');
      for (let retry = 1; sent.status !== 200 && retry <= MOST_RETRIES; retry++)
        sent = await acts.send(body, 'json', {
          headers: {
            'x-slack-retry-num': String(retry),
            'x-slack-retry-reason': sent.status ? 'http_error' : 'http_timeout',
          },
        });
      return sent;
    },
    send(
      body,
      kind,
      { secret = world.signingSecret, at = Math.floor(Date.now() / 1000), headers = {} } = {},
    ) {
      const signature = createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex');
      return post(body, {
        'content-type': kind === 'form' ? 'application/x-www-form-urlencoded' : 'application/json',
        'x-slack-request-timestamp': String(at),
        'x-slack-signature': `v0=${signature}`,
        ...headers,
      });
    },
    again: (sent, headers = {}) => post(sent.body, { ...sent.headers, ...headers }),
  };

  function newTrigger(user: Person): string {
    const trigger = `${Date.now()}.${randomBytes(4).readUInt32BE()}.${randomBytes(16).toString('hex')}`;
    world.triggers.set(trigger, { user: user.id, at: Date.now() });
    return trigger;
  }

  async function interact(what: string, payload: Json): Promise<Sent> {
    const sent = await acts.send(formOf(payload), 'form');
    if (sent.status !== 200) world.complaints.push(`${what} was not acknowledged (${sent.status})`);
    return sent;
  }

  const whoIs = (user: Person): Json => ({
    user: { id: user.id, username: user.name, name: user.name, team_id: user.team },
    team: { id: user.team, domain: 'team' },
    enterprise: null,
    is_enterprise_install: false,
    api_app_id: 'A0APP',
  });

  function say(user: Person, channel: Channel, text: string, inThread?: Message): Message {
    return addMessage(world, {
      channel: channel.id,
      user: user.id,
      text: text.replaceAll('{bot}', `<@${world.botUser}>`),
      threadTs: inThread ? (inThread.threadTs ?? inThread.ts) : undefined,
    });
  }

  function showAck(channel: Channel, user: Person, answer: string): void {
    if (answer === '') return;
    const { response_type: type = 'ephemeral', text = answer } = readJson(answer) as {
      response_type?: string;
      text?: string;
    };
    const isForAll = type === 'in_channel';
    addMessage(world, {
      channel: channel.id,
      user: world.botUser,
      text,
      ephemeralTo: isForAll ? undefined : user.id,
    });
  }

  function pressOf(user: Person, message: Message, label: string): Json {
    const { action, block } = findAction(message, label);
    return {
      type: 'block_actions',
      user: { id: user.id, username: user.name, name: user.name, team_id: user.team },
      api_app_id: 'A0APP',
      team: { id: world.channels.get(message.channel)?.team, domain: 'team' },
      enterprise: null,
      is_enterprise_install: false,
      channel: { id: message.channel, name: world.channels.get(message.channel)?.name },
      container: {
        type: 'message',
        message_ts: message.ts,
        channel_id: message.channel,
        is_ephemeral: message.ephemeralTo !== undefined,
        ...(message.threadTs ? { thread_ts: message.threadTs } : {}),
      },
      ...(message.ephemeralTo
        ? {}
        : {
            message: {
              ts: message.ts,
              text: message.text,
              blocks: message.blocks,
              ...(message.threadTs ? { thread_ts: message.threadTs } : {}),
            },
          }),
      trigger_id: newTrigger(user),
      response_url: issueHook(world, message.channel, user.id, message),
      actions: [{ ...action, block_id: block['block_id'], action_ts: world.nextTs() }],
    };
  }

  return acts;
}

/** What was filled in, as Slack sends it: a select's value is an option. */
function stateOf(view: Json, values: Record<string, string>): Json {
  const inputs = ((view['blocks'] as Json[] | undefined) ?? []).filter((block) => block['type'] === 'input');
  return Object.fromEntries(
    inputs.map((block) => {
      const {
        type,
        action_id: id,
        initial_value: initial,
        initial_option: chosen,
      } = block['element'] as Json;
      const given = values[String(block['block_id'])];
      const option =
        given === undefined ? (chosen ?? null) : { text: { type: 'plain_text', text: given }, value: given };
      const value =
        type === 'plain_text_input' ? { value: given ?? initial ?? null } : { selected_option: option };
      return [block['block_id'], { [String(id)]: { type, ...value } }];
    }),
  );
}

const formOf = (payload: Json): string =>
  new URLSearchParams({ payload: JSON.stringify(payload) }).toString();

const eventOf = (message: Message, user: Person): Json => ({
  user: user.id,
  text: message.text,
  ts: message.ts,
  channel: message.channel,
  event_ts: message.ts,
  team: user.team,
  user_team: user.team,
  ...(message.threadTs ? { thread_ts: message.threadTs } : {}),
});

function findAction(message: Pick<Message, 'text' | 'blocks'>, label: string): { action: Json; block: Json } {
  for (const block of message.blocks) {
    const elements = [
      ...((block['elements'] as Json[] | undefined) ?? []),
      ...(block['accessory'] ? [block['accessory'] as Json] : []),
    ];
    for (const element of elements) {
      const { type, action_id, value } = element;
      if (type === 'button' && labelOf(element) === label)
        return { block, action: { type, action_id, value, text: element['text'] } };
      const option = ((element['options'] as Json[] | undefined) ?? []).find((one) => labelOf(one) === label);
      if (option) return { block, action: { type, action_id, selected_option: option } };
    }
  }
  throw new Error(`there is no ${label} on: ${message.text}`);
}

export const labelOf = (element: Json): string =>
  (element['text'] as { text?: string } | undefined)?.text ?? '';

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return {};
  }
}
