// One turn of a coding agent on the page: what was asked, what it does, what it asks, what came of it. Says nothing to anybody itself.
import { createButton, createElement } from '../dom.ts';
import type { Happening, Turn } from './feed.ts';
import { createProse, createSpans } from './text.ts';

export interface TurnActions {
  decide: (turn: Turn, request: string, verb: 'allow' | 'deny', always: boolean) => void;
  cancel: (turn: Turn) => void;
}

/** What happened in it, in order. */
type Step =
  | { kind: 'text'; id: string; text: string }
  | { kind: 'tool'; id: string; title: string; status: string }
  | { kind: 'question'; id: string; title: string; decided?: string };

export interface TurnView {
  element: HTMLElement;
  turn: Turn;
  take: (event: Happening) => void;
  /** Shows it as it is now. */
  draw: (turn: Turn) => void;
  /** Whether a person has to answer something. */
  isAsking: () => boolean;
}

/** More steps than these nobody reads, and a page keeps no more. */
const MAX_STEPS = 200;
const MAX_TEXT = 64 * 1024;

const STATES: Record<Turn['state'], string> = {
  queued: 'Waits',
  running: 'At work',
  asking: 'Asks you',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
};
const isOpen = ({ state }: Pick<Turn, 'state'>): boolean =>
  state === 'queued' || state === 'running' || state === 'asking';

export const keyOf = ({ task, turn }: { task: string; turn: number }): string => `${task}/${turn}`;

export function createTurnView(first: Turn, actions: TurnActions): TurnView {
  const steps: Step[] = [];
  const parts = createParts(first);
  let left = 0;
  let isAsking = false;
  const view: TurnView = {
    element: parts.article,
    turn: first,
    take(event) {
      takeStep(steps, event);
      for (; steps.length > MAX_STEPS; left++) steps.shift();
    },
    draw(turn) {
      const wasOpen = isOpen(view.turn);
      view.turn = turn;
      parts.article.dataset['state'] = turn.state;
      if (parts.state.textContent !== wordState(turn)) parts.state.textContent = wordState(turn);
      drawSteps(parts, steps, { turn, left });
      // Whoever comes late wants the answer; whoever watched may go on reading.
      if (wasOpen && !isOpen(turn)) parts.details.open = false;
      isAsking = drawQuestions(parts, turn, actions);
      drawEnd(parts, turn);
      drawCancel(parts, turn, actions);
    },
    isAsking: () => isAsking,
  };
  parts.details.open = isOpen(first);
  return view;
}

type Parts = ReturnType<typeof createParts>;

function createParts(turn: Turn) {
  const at = new Date(turn.at);
  const when = at.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
  const time = at.toLocaleTimeString([], { timeStyle: 'short' });
  const heading = createElement(
    'h2',
    { class: 'asker' },
    createElement('span', { text: turn.by }),
    createElement('time', { text: time, attributes: { datetime: turn.at, title: when } }),
  );
  const [plan, list] = [createElement('ol', { class: 'plan' }), createElement('ol', { class: 'did' })];
  const summary = createElement('summary');
  const details = createElement('details', {}, summary, list);
  const questions = createElement('div', { class: 'questions' });
  const answer = createElement('div', { class: 'answer prose' });
  const failure = createElement('p', { class: 'failure' });
  const changes = createElement('div', { class: 'changes' });
  const state = createElement('span', { class: 'state' });
  const facts = createElement('span', { class: 'facts' });
  const cancel = createElement('span', { class: 'cancel' });
  const foot = createElement('p', { class: 'foot' }, state, facts, cancel);
  const prompt = createElement('div', {
    class: 'prompt',
    text: turn.prompt || 'What was asked is not kept any more.',
  });
  const article = createElement(
    'article',
    { class: 'turn', attributes: { tabindex: '-1' } },
    createElement('div', { class: 'asked' }, heading, prompt),
    details,
    plan,
    questions,
    answer,
    failure,
    changes,
    foot,
  );
  return { article, summary, details, list, plan, questions, answer, failure, changes, state, facts, cancel };
}

function wordState({ state, isEnding }: Turn): string {
  return isEnding ? 'Is being cancelled' : STATES[state];
}

function takeStep(steps: Step[], event: Happening): void {
  const known = (kind: Step['kind'], id: string) =>
    steps.findLast((one) => one.kind === kind && one.id === id);
  switch (event.kind) {
    case 'text': {
      const last = steps.at(-1);
      if (last?.kind === 'text' && last.id === event.message)
        last.text = (last.text + event.text).slice(0, MAX_TEXT);
      else steps.push({ kind: 'text', id: event.message, text: event.text.slice(0, MAX_TEXT) });
      return;
    }
    case 'tool': {
      const { call, title, status } = event;
      const before = known('tool', call);
      if (before) Object.assign(before, { title: title || (before as { title: string }).title, status });
      else steps.push({ kind: 'tool', id: call, title, status });
      return;
    }
    case 'question':
      if (!known('question', event.request))
        steps.push({ kind: 'question', id: event.request, title: event.title });
      return;
    case 'decided': {
      const asked = known('question', event.request);
      if (asked) Object.assign(asked, { decided: event.decision });
      return;
    }
    default: // a newer bot may tell more
      event satisfies never;
  }
}

const SIGNS: Record<string, [sign: string, words: string]> = {
  running: ['…', 'at work'],
  done: ['✓', 'done'],
  failed: ['✗', 'failed'],
};

function drawSteps(
  { details, summary, list, plan }: Parts,
  steps: Step[],
  { turn, left }: { turn: Turn; left: number },
): void {
  const shown = withoutAnswer(steps, turn).filter((one) => one.kind !== 'question' || decisionOf(one, turn));
  details.hidden = shown.length === 0;
  const tools = shown.filter(({ kind }) => kind === 'tool').length;
  const count = tools === 1 ? '1 tool' : `${tools} tools`;
  const words = tools > 0 ? `What it did: ${count}` : 'What it said';
  if (summary.textContent !== words) summary.textContent = words;
  const gone =
    left > 0 ? [createElement('li', { class: 'gone', text: `${left} earlier steps are left out` })] : [];
  sync(list, [...gone, ...shown.map((step) => createStep(step, turn))]);
  sync(plan, turn.plan.map(createPlanEntry));
  plan.hidden = turn.plan.length === 0 || !isOpen(turn);
}

/** The last words are the answer, which stands below. */
function withoutAnswer(steps: Step[], { answer, state }: Turn): Step[] {
  const last = steps.at(-1);
  const isIt = state === 'done' && last?.kind === 'text' && answer.includes(last.text.trim());
  return isIt ? steps.slice(0, -1) : steps;
}

function createStep(step: Step, turn: Turn): HTMLElement {
  if (step.kind === 'text') return createElement('li', { class: 'text prose' }, ...createProse(step.text));
  if (step.kind === 'question') {
    const { sign, words } = decisionOf(step, turn) ?? { sign: '?', words: '' };
    const by = createElement('span', { class: 'by', text: ` ${words}` });
    return createToolStep({ title: step.title, sign, status: sign === '✓' ? 'done' : 'failed' }, by);
  }
  // What did not end before its turn never will.
  const status = step.status === 'running' && !isOpen(turn) ? 'failed' : step.status;
  const [sign, words] = SIGNS[status] ?? ['·', status];
  return createToolStep({ title: step.title, sign, status }, createSaid(words));
}

function createToolStep(
  { title, sign, status }: { title: string; sign: string; status: string },
  more: HTMLElement,
): HTMLElement {
  const words = createElement('span', {}, createElement('code', { text: title }), more);
  const item = createElement('li', { class: 'tool' }, createSign(sign), words);
  item.dataset['status'] = status;
  return item;
}

const createSign = (sign: string): HTMLElement =>
  createElement('span', { class: 'sign', text: sign, attributes: { 'aria-hidden': 'true' } });
const createSaid = (words: string): HTMLElement =>
  createElement('span', { class: 'said', text: ` (${words})` });

/** What became of a question; undefined: it waits. */
function decisionOf(
  { id, decided }: { id: string; decided?: string },
  turn: Turn,
): { sign: string; words: string } | undefined {
  const said = turn.decisions.find(({ request }) => request === id);
  const decision = said?.decision ?? decided ?? (isOpen(turn) ? undefined : 'cancelled');
  if (decision === undefined) return undefined;
  const by = said ? ` by ${said.by}` : '';
  if (decision === 'always') return { sign: '✓', words: `approved for the rest of the task${by}` };
  if (decision === 'allow') return { sign: '✓', words: `approved${by}` };
  if (decision === 'late') return { sign: '✗', words: 'nobody answered in time, which is a no' };
  return { sign: '✗', words: decision === 'cancelled' ? 'not answered any more' : `denied${by}` };
}

function createPlanEntry({ label, state }: Turn['plan'][number]): HTMLElement {
  const [sign, words] =
    state === 'completed' ? ['✓', 'done'] : state === 'in_progress' ? ['▸', 'under way'] : ['·', 'to do'];
  const item = createElement(
    'li',
    {},
    createSign(sign),
    createElement('span', { text: label }),
    createSaid(words),
  );
  item.dataset['status'] = state;
  return item;
}

/** Those that nobody has answered, each with its buttons; one that is pressed waits for the bot's word. True: there is one. */
function drawQuestions({ questions, article }: Parts, turn: Turn, actions: TurnActions): boolean {
  const open = turn.questions.filter(({ request }) => !turn.decisions.some((one) => one.request === request));
  const held = new Map([...questions.children].map((one) => [(one as HTMLElement).dataset['request'], one]));
  const hadFocus = questions.contains(document.activeElement);
  for (const [request, element] of held) if (!open.some((one) => one.request === request)) element.remove();
  for (const one of open) if (!held.has(one.request)) questions.append(createQuestion(one, turn, actions));
  if (hadFocus && !questions.contains(document.activeElement)) article.focus();
  return open.length > 0;
}

function createQuestion(
  { request, number, title }: Turn['questions'][number],
  turn: Turn,
  { decide }: TurnActions,
): HTMLElement {
  const press = (verb: 'allow' | 'deny', always: boolean) => () => {
    for (const button of group.querySelectorAll('button')) button.disabled = true;
    decide(turn, request, verb, always);
  };
  const group = createElement(
    'div',
    { class: 'question', attributes: { role: 'group', 'aria-label': `Question ${number}` } },
    createElement('p', { text: 'May it do this?' }),
    createElement('pre', {}, createElement('code', { text: title })),
    createElement(
      'div',
      { class: 'actions' },
      createButton('Approve', press('allow', false), { class: 'primary' }),
      createButton('Approve always', press('allow', true), {
        attributes: { title: 'The same from now on in this task' },
      }),
      createButton('Deny', press('deny', false)),
    ),
  );
  group.dataset['request'] = request;
  return group;
}

/** Those of a question that could not be answered can be pressed again. */
export function freeButtons({ element }: Pick<TurnView, 'element'>): void {
  for (const button of element.querySelectorAll('button')) button.disabled = false;
}

function drawEnd({ answer, failure, changes, facts }: Parts, turn: Turn): void {
  sync(answer, turn.answer ? createProse(turn.answer) : []);
  sync(failure, turn.failure ? createSpans(turn.failure) : []);
  sync(changes, turn.changes ? [createChanges(turn.changes)] : []);
  const known = [turn.elapsedMs === undefined ? '' : wordSpan(turn.elapsedMs), turn.cost ?? ''].filter(
    Boolean,
  );
  const words = known.map((one) => ` · ${one}`).join('');
  if (facts.textContent !== words) facts.textContent = words;
}

function createChanges({ text, files }: NonNullable<Turn['changes']>): HTMLElement {
  const list = files.map(({ path, added, removed }) =>
    createElement(
      'li',
      {},
      createElement('code', { text: path }),
      createElement('span', { class: 'added', text: ` +${added}` }),
      createElement('span', { class: 'removed', text: ` −${removed}` }),
    ),
  );
  return createElement(
    'details',
    {},
    createElement('summary', {}, ...createSpans(text)),
    createElement('ul', {}, ...list),
  );
}

function wordSpan(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3_600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}

function drawCancel({ cancel, article }: Parts, turn: Turn, actions: TurnActions): void {
  const hadFocus = cancel.contains(document.activeElement);
  const isNeeded = isOpen(turn) && !turn.isEnding;
  if (!isNeeded) cancel.replaceChildren();
  else if (!cancel.hasChildNodes())
    cancel.append(
      createButton('Cancel', () => actions.cancel(turn), {
        attributes: { 'aria-label': 'Cancel this task' },
      }),
    );
  if (hadFocus && !cancel.contains(document.activeElement)) article.focus();
}

/** Only what differs: what stays is not read aloud again, and whoever selects text in it goes on. */
function sync(parent: HTMLElement, wanted: Node[]): void {
  for (const [at, node] of wanted.entries()) {
    const there = parent.childNodes[at];
    if (!there) parent.append(node);
    else if (!there.isEqualNode(node)) there.replaceWith(node);
  }
  while (parent.childNodes.length > wanted.length) parent.lastChild?.remove();
}
