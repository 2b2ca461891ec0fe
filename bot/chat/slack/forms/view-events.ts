// What Slack's requests say of forms, of the message menu and of the App Home. Pure.
import type { z } from 'zod';
import { findNamed, HomeOpened, readFilled, Shortcut, Submitted, Typing } from './events.ts';
import {
  clean,
  deliveryOf,
  hash,
  installedAt,
  placeOf,
  whereOf,
  type Event,
  type Understood,
} from '../request.ts';
import { Authorized } from '../shapes.ts';

/** Undefined: it is none of that. */
export function readView(body: unknown): Understood | undefined {
  const shortcut = Shortcut.safeParse(body).data;
  if (shortcut) return readShortcut(shortcut);
  const submitted = Submitted.safeParse(body).data;
  if (submitted) return readSubmitted(submitted);
  const typing = Typing.safeParse(body).data;
  if (typing) return { typing: typing.value, user: typing.user.id, at: whereOf(typing).home };
  const opened = HomeOpened.safeParse(body).data;
  if (opened?.event.tab !== 'home') return undefined;
  const { event } = opened;
  const { team, home } = placeOf({
    ...installedAt(Authorized.parse(body)),
    enterprise: opened.enterprise_id,
  });
  return { home: { team, home, person: event.user } };
}

/** The card goes below the message. Where no form can be opened it is a press like any other, answered in words. */
function readShortcut(body: z.infer<typeof Shortcut>): Understood {
  const { user, channel, message, trigger_id: trigger, response_url: responseUrl } = body;
  const where = whereOf(body);
  const named = findNamed((message.text ?? '').slice(0, 4_000));
  const event: Event = {
    kind: 'button',
    ...where,
    user: user.id,
    ...(user.username ? { name: clean(user.username) } : {}),
    channel: channel.id,
    isDirect: channel.id.startsWith('D'),
    ...(message.thread_ts ? { threadTs: message.thread_ts } : {}),
    ...(responseUrl ? { responseUrl } : {}),
    line: clean(`?new ${named.repository ?? ''}`.trim()),
    press: hash(channel.id, message.ts, 'shortcut', user.id),
    block: '',
    messageTs: message.ts,
    isEphemeral: false,
  };
  const { team, home, name } = event;
  const form = { about: 'new' as const, trigger, team, home, user: user.id, name, channel: channel.id };
  const threadTs = message.thread_ts ?? message.ts;
  return { event, delivery: deliveryOf(event, hash(trigger)), form: { ...form, threadTs, named } };
}

/** A view is submitted once: what comes again is the same. */
function readSubmitted(body: z.infer<typeof Submitted>): Understood {
  const filled = readFilled(body);
  if (!filled) return { nothing: 'not our form' };
  const { channel, threadTs, fields } = filled;
  const { user, view } = body;
  const name = user.username ?? user.name;
  const event: Event = {
    kind: 'form',
    ...whereOf(body, view.app_installed_team_id),
    user: user.id,
    ...(name ? { name: clean(name) } : {}),
    channel: channel || user.id,
    isDirect: !/^[CG]/.test(channel),
    ...(threadTs ? { threadTs } : {}),
    form: view.callback_id,
    line: clean((fields.at(-1) ?? fields[0]).line),
  };
  return { event, fields, delivery: deliveryOf(event, `view:${view.id}`) };
}
