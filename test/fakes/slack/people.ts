// People in the fake Slack: they type, mention, press. What they do is signed, sent, and sent again as Slack would.
import {
  addMessage,
  openIm,
  type Channel,
  type Json,
  type Message,
  type Person,
  type World,
} from './model.ts';
import {
  commandOf,
  envelopeOf,
  eventOf,
  findAction,
  formOf,
  issueTrigger,
  labelOf,
  pressOf,
  readJson,
  shortcutOf,
  stateOf,
  whoIs,
} from './payloads.ts';
import { createPost, type Post, type Sent } from './post.ts';
import type { Sockets } from './socket.ts';

export interface Acts extends Post {
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
}

const MAX_RETRIES = 3;

export function createActs(world: World, target: () => string, sockets: Sockets): Acts {
  const acts: Acts = {
    ...createPost(world, target, sockets),
    async slash(user, channel, text, { command = '/sam', ...more } = {}) {
      const fields = commandOf(world, user, channel, { command, text, ...more });
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
      const sent = await acts.send(formOf(pressOf(world, user, message, label)), 'form');
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
        trigger_id: issueTrigger(world, user),
        actions: [{ ...action, block_id: block['block_id'], action_ts: world.nextTs() }],
      });
    },
    shortcut: (user, message) => interact('a shortcut', shortcutOf(world, user, message)),
    fill(user, values) {
      const view = acts.view(user, 'modal') ?? {};
      return interact('a form', {
        type: 'view_submission',
        ...whoIs(user),
        trigger_id: issueTrigger(world, user),
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
      const body = JSON.stringify({ ...envelopeOf(world, event), ...more });
      let sent = await acts.send(body, 'json');
      for (let retry = 1; sent.status !== 200 && retry <= MAX_RETRIES; retry++)
        sent = await acts.send(body, 'json', {
          headers: {
            'x-slack-retry-num': String(retry),
            'x-slack-retry-reason': sent.status ? 'http_error' : 'http_timeout',
          },
        });
      return sent;
    },
  };

  async function interact(what: string, payload: Json): Promise<Sent> {
    const sent = await acts.send(formOf(payload), 'form');
    if (sent.status !== 200) world.complaints.push(`${what} was not acknowledged (${sent.status})`);
    return sent;
  }

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

  return acts;
}
