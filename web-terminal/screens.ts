// The full-page answers when there is no terminal to show: what happened, and the one thing to do. Acts on nothing itself.
import { createCopyButton } from './dialogs.ts';
import { createButton, createElement, getElement } from './dom.ts';
import type { LiveState } from './connection/live.ts';
import type { Log } from './log/log.ts';
import { isPassing, type Refusal } from './connection/ticket.ts';

interface Screen {
  title: string;
  text: string;
  /** To copy into the chat, without the trigger. */
  command?: string;
  trigger?: string;
  signIn?: string;
  /** This page at another address. */
  address?: string;
  retry?: string;
  /** The page asks again by itself. */
  waits?: true;
}

/** For each reason: what happened, in words for which the bot's own message is taken if there is one, and what to do. */
const screens: Record<Refusal['reason'], (target: string) => Screen> = {
  'sign-in': () => ({
    title: 'Who are you?',
    text: 'This link says which workspace, not who you are. Ask for a new link where you started it:',
    command: 'open',
  }),
  'sign-in-ended': () => ({
    title: 'This browser is signed out',
    text: 'What let it in has expired or was revoked. Ask for a new link where you started it:',
    command: 'open',
  }),
  'not-found': () => ({
    title: 'No such workspace',
    text: 'It was deleted, or it is not yours to open. This lists yours:',
    command: 'list',
  }),
  deleted: () => ({
    title: 'The workspace was deleted',
    text: 'Its files and its terminals are gone. This lists those that you have:',
    command: 'list',
  }),
  'share-over': () => ({
    title: 'It is shared with you no more',
    text: 'Its time is over, or whoever shared it has ended it. What runs there goes on; ask its owner if you need to be there again.',
  }),
  'wrong-address': () => ({
    title: 'Sam has another address',
    text: 'Terminals open at that one alone. If it leads nowhere from here, whoever runs Sam sets BASE_URL to the address that does.',
  }),
  'code-spent': (target) => ({
    title: 'This link was used already, or is too old',
    text: 'Such links open one browser, once, within five minutes. Ask for a new one where you started it:',
    command: `open ${target}`,
  }),
  'not-running': (target) => ({
    title: 'The workspace is not running',
    text: 'Its files are kept. Start it where you asked for it:',
    command: `start ${target}`,
    retry: 'Try again',
  }),
  stopped: (target) => ({
    title: 'The workspace was stopped',
    text: 'The programs in its terminals have ended. Start it where you asked for it:',
    command: `start ${target}`,
    retry: 'Try again',
  }),
  'not-here': (target) => ({
    title: 'The machine does not have this workspace',
    text: 'It may be moving or starting again. This says where it stands:',
    command: `status ${target}`,
    retry: 'Try again',
  }),
  'ticket-refused': (target) => ({
    title: 'Your access ended',
    text: 'The workspace lets this page in no more: your access was taken back, or a clock is wrong. This says more:',
    command: `status ${target}`,
    retry: 'Try again',
  }),
  'too-many': () => ({
    title: 'Too many terminals are open',
    text: 'This workspace takes no more viewers. Close one of its pages, then try again.',
    retry: 'Try again',
  }),
  unavailable: () => ({ title: 'Sam does not answer', text: 'Try again in a moment.', retry: 'Try again' }),
  broken: () => ({
    title: 'Something broke on our side',
    text: 'Try again in a moment.',
    retry: 'Try again',
  }),
};

/** What a refusal looks like. `name` is what people call the workspace, when this page has learned it. */
export function describeRefusal(refusal: Refusal, name: string | undefined): Screen {
  const { reason, message, command, trigger, signIn, phase, address } = refusal;
  const canSignIn = signIn !== undefined && (reason === 'sign-in' || reason === 'sign-in-ended');
  return {
    ...screens[reason](name ?? '<name>'),
    ...(canSignIn && reason === 'sign-in' && { title: 'Sign in to open this terminal' }),
    ...(reason === 'sign-in-ended' &&
      phase === 'running' && { title: 'The workspace runs; this browser is signed out' }),
    ...(message !== undefined && { text: message }),
    ...(command !== undefined && { command }),
    ...(trigger !== undefined && { trigger }),
    ...(canSignIn && { signIn }),
    ...(address !== undefined && { address }),
    ...(isPassing(refusal) && { waits: true }),
  };
}

const GOES_IN = 'This page goes in by itself as soon as it can.';

/** Covers the page; what lies below cannot be reached until `hideScreen`. */
export function showScreen(screen: Screen, onRetry: () => void): void {
  const title = createElement('h1', { text: screen.title, attributes: { tabindex: '-1' } });
  const retry = screen.retry === undefined ? [] : [createButton(screen.retry, onRetry, { class: 'primary' })];
  cover(
    title,
    createElement('p', { text: screen.text }),
    ...(screen.command === undefined ? [] : [createCommand(screen.command, screen.trigger)]),
    ...(screen.waits ? [createElement('p', { text: GOES_IN })] : []),
    ...createActions([...createSignIn(screen.signIn), ...createMove(screen.address), ...retry]),
  );
  title.focus();
}

/** Covers the page while the first connection is made. `line` is replaced in place, quietly. */
export function showOpening(line: string, onNow?: () => void): void {
  const shown = document.querySelector('#screen .opening-line');
  const now = onNow ? [createButton('Try now', onNow)] : [];
  if (shown && !onNow === !document.querySelector('#screen button')) shown.textContent = line;
  else
    cover(
      createElement('div', { class: 'pulse', attributes: { 'aria-hidden': 'true' } }),
      createElement('p', { class: 'opening-line', text: line }),
      ...createActions(now),
    );
}

type OnPress = (verb: string, turn: number | undefined) => Promise<string | undefined>;

/** How the workspace stands. What is the same stays where it is: the keyboard, what somebody has selected. */
export function showLive(state: LiveState, onPress: OnPress, log: Log): void {
  const { name, title, command, press } = state;
  const frame = JSON.stringify([name, title, command, state.trigger, press]);
  const screen = getElement('screen');
  if (screen.hidden || screen.dataset['frame'] !== frame) {
    const heading = createElement('h1', { text: title, attributes: { tabindex: '-1' } });
    cover(
      createElement('p', { class: 'name', text: name }),
      heading,
      createElement('p', { class: 'live-text' }),
      createElement('ol', { class: 'steps' }),
      createElement('p', { class: 'refused', attributes: { role: 'status' } }),
      ...createActions(press ? [createPress(press, onPress)] : []),
      ...(command === undefined ? [] : [createCommand(command, state.trigger)]),
      ...(state.look === 'deleted' ? [] : [createElement('p', { class: 'hint', text: GOES_IN })]),
      log.element,
    );
    screen.dataset['frame'] = frame;
    heading.focus();
  }
  fill(screen, state);
  log.show(state.look);
}

function fill(screen: HTMLElement, { text, steps, refused = '' }: LiveState): void {
  const part = (name: string, ...content: Node[]) => {
    const element = screen.querySelector<HTMLElement>(`.${name}`);
    if (!element) return;
    element.hidden = content.length === 0 && name !== 'refused';
    const built = createElement('div', {}, ...content);
    if (built.innerHTML === element.innerHTML) return;
    element.replaceChildren(...built.childNodes);
  };
  part('live-text', ...(text ? createSpans(text) : []));
  part('steps', ...steps.map(createStep));
  part('refused', ...createSpans(refused));
}

const STEP_WORDS = { done: 'done', doing: 'under way', todo: 'to do', failed: 'failed' };

function createStep({ label, state }: LiveState['steps'][number]): HTMLElement {
  const said = createElement('span', { class: 'said', text: ` (${STEP_WORDS[state]})` });
  const step = createElement('li', { text: label }, said);
  step.dataset['state'] = state;
  return step;
}

/** Disabled until the bot has heard it; what it comes to, the bot tells. */
function createPress({ verb, label, turn }: NonNullable<LiveState['press']>, onPress: OnPress): HTMLElement {
  const button = createButton(label, () => void say(), { class: 'primary' });
  const say = async () => {
    button.disabled = true;
    const wrong = await onPress(verb, turn);
    if (wrong === undefined) return;
    button.disabled = false;
    document.querySelector('#screen .refused')?.replaceChildren(...createSpans(wrong));
  };
  return button;
}

/** What stands between backticks is a command. */
function createSpans(text: string): Node[] {
  return text
    .split('`')
    .map((part, at) => (at % 2 ? createElement('code', { text: part }) : document.createTextNode(part)));
}

export function hideScreen(): void {
  getElement('screen').hidden = true;
  getElement('screen').replaceChildren();
  getElement('app').inert = false;
}

function cover(...content: Node[]): void {
  const screen = getElement('screen');
  delete screen.dataset['frame'];
  screen.replaceChildren(createElement('div', { class: 'card' }, ...content));
  screen.hidden = false;
  getElement('app').inert = true;
}

/** Without a trigger that is known: each chat has its own, and the console none. */
function createCommand(command: string, trigger = ''): HTMLElement {
  const line = `${trigger} ${command}`.trim();
  const code = createElement('code', { text: line });
  return createElement('div', { class: 'command' }, code, createCopyButton(line, code));
}

/** Only a path of this origin: the answer came from the network. */
function createSignIn(path: string | undefined): HTMLElement[] {
  if (path === undefined || !/^\/(?![/\\])/.test(path)) return [];
  return [
    createElement('a', { class: 'button primary', text: 'Sign in with GitHub', attributes: { href: path } }),
  ];
}

function createMove(address: string | undefined): HTMLElement[] {
  if (address === undefined) return [];
  const text = `Open it at ${new URL(address).origin}`;
  return [createElement('a', { class: 'button primary', text, attributes: { href: address } })];
}

function createActions(actions: HTMLElement[]): HTMLElement[] {
  return actions.length ? [createElement('div', { class: 'actions' }, ...actions)] : [];
}
