// Block Kit's limits, as Slack checks them: what is wrong with blocks, one phrase each. Pure.
import type { Json } from './model.ts';

const MAX_BLOCKS = 50;
const ELEMENTS: Record<string, number> = { actions: 25, context: 10 };

/** Empty: Slack would take them. */
export function findFaults(blocks: unknown, most = MAX_BLOCKS): string[] {
  if (!Array.isArray(blocks)) return ['blocks is no array'];
  const faults: string[] = [];
  if (blocks.length > most) faults.push(`${blocks.length} blocks, ${most} at most`);
  const blockIds = new Set<unknown>();
  for (const [index, block] of (blocks as Json[]).entries()) {
    const say = (what: string): void => void faults.push(`block ${index}: ${what}`);
    const id = block['block_id'];
    if (id !== undefined) {
      if (typeof id !== 'string' || id.length === 0 || id.length > 255)
        say('block_id has 1 to 255 characters');
      if (blockIds.has(id)) say(`a block_id twice: ${JSON.stringify(id)}`);
      blockIds.add(id);
    }
    checkBlock(block, say);
  }
  return faults;
}

type Say = (what: string) => void;

function checkBlock(block: Json, say: Say): void {
  switch (block['type']) {
    case 'section':
      if (block['text'] === undefined && block['fields'] === undefined) say('a section without text');
      if (block['text'] !== undefined) checkText(block['text'], 3000, 'any', say);
      for (const field of (block['fields'] as unknown[] | undefined) ?? [])
        checkText(field, 2000, 'any', say);
      if (block['accessory'] !== undefined) checkElement(block['accessory'] as Json, say);
      return;
    case 'header':
      return checkText(block['text'], 150, 'plain_text', say);
    case 'divider':
      return;
    case 'context':
    case 'actions': {
      const elements = block['elements'] as Json[] | undefined;
      const most = ELEMENTS[block['type']] ?? 0;
      if (!elements?.length || elements.length > most)
        return say(`1 to ${most} elements, not ${elements?.length}`);
      if (block['type'] === 'context') return elements.forEach((one) => checkText(one, 2000, 'any', say));
      const ids = elements.map((one) => one['action_id']);
      if (new Set(ids).size < ids.length) say('an action_id twice');
      return elements.forEach((one) => checkElement(one, say));
    }
    case 'plan': {
      // docs.slack.dev/reference/block-kit/blocks/plan-block
      const tasks = (block['tasks'] as Json[] | undefined) ?? [];
      checkWords(block['title'], 'title of a plan', say);
      if (tasks.length > 50) say(`${tasks.length} tasks, 50 at most`);
      if (new Set(tasks.map((one) => one['task_id'])).size < tasks.length) say('a task_id twice');
      return tasks.forEach((one) => checkTask(one, say));
    }
    case 'task_card':
      return checkTask(block, say);
    case 'input':
      checkText(block['label'], 2000, 'plain_text', say);
      return checkElement(block['element'] as Json, say);
    default:
      say(`type ${JSON.stringify(block['type'])} is not for messages`);
  }
}

function checkTask(task: Json, say: Say): void {
  if (task['type'] !== 'task_card') say(`a task is of type task_card, not ${JSON.stringify(task['type'])}`);
  checkWords(task['task_id'], 'task_id', say);
  checkWords(task['title'], 'title of a task', say);
  if (
    ![undefined, 'pending', 'in_progress', 'complete', 'error'].includes(task['status'] as string | undefined)
  )
    say(`no status of a task: ${JSON.stringify(task['status'])}`);
}

const checkWords = (words: unknown, name: string, say: Say): void => {
  if (typeof words !== 'string' || words === '') say(`a ${name} is a text`);
};

function checkElement(element: Json, say: Say): void {
  const id = element['action_id'];
  if (typeof id !== 'string' || id.length === 0 || id.length > 255)
    say('an action_id has 1 to 255 characters');
  if (element['confirm'] !== undefined) checkConfirm(element['confirm'] as Json, say);
  switch (element['type']) {
    case 'button':
      checkText(element['text'], 75, 'plain_text', say);
      checkLength(element['value'], 2000, 'value', say);
      checkLength(element['url'], 3000, 'url', say);
      if (![undefined, 'primary', 'danger'].includes(element['style'] as string | undefined))
        say('style is primary or danger');
      return;
    case 'overflow': {
      const options = (element['options'] as Json[] | undefined) ?? [];
      if (options.length < 1 || options.length > 5)
        say(`an overflow has 1 to 5 options, not ${options.length}`);
      for (const option of options) {
        checkText(option['text'], 75, 'plain_text', say);
        checkLength(option['value'], 150, 'option value', say);
      }
      return;
    }
    case 'plain_text_input':
      checkLength(element['initial_value'], 3000, 'initial value', say);
      return;
    case 'external_select':
      if (element['initial_option']) checkOption(element['initial_option'] as Json, say);
      return;
    case 'static_select':
      checkOptions(element['options'], say);
      return;
    default:
      say(`element ${JSON.stringify(element['type'])} is unknown here`);
  }
}

const checkOption = (option: Json, say: Say): void => {
  checkText(option['text'], 75, 'plain_text', say);
  checkLength(option['value'], 150, 'option value', say);
};

function checkOptions(options: unknown, say: Say): void {
  if (!Array.isArray(options) || options.length < 1 || options.length > 100) return say('1 to 100 options');
  for (const option of options as Json[]) checkOption(option, say);
}

/** What is wrong with a view. */
export function findViewFaults(view: Json): string[] {
  const faults = findFaults(view['blocks'], 100);
  const say: Say = (what) => void faults.push(what);
  if (view['type'] !== 'home' && view['type'] !== 'modal') say('a view is of type home or modal');
  const isForm = ((view['blocks'] as Json[] | undefined) ?? []).some((block) => block['type'] === 'input');
  if (view['type'] === 'modal') {
    checkText(view['title'], 24, 'plain_text', say);
    for (const name of ['submit', 'close']) if (view[name]) checkText(view[name], 24, 'plain_text', say);
    if (isForm && !view['submit']) say('a form without submit');
  }
  if (((view['private_metadata'] as string | undefined) ?? '').length > 3000)
    say('private_metadata of more than 3000 characters');
  return faults;
}

function checkConfirm(confirm: Json, say: Say): void {
  checkText(confirm['title'], 100, 'plain_text', say);
  checkText(confirm['text'], 300, 'any', say);
  checkText(confirm['confirm'], 30, 'plain_text', say);
  checkText(confirm['deny'], 30, 'plain_text', say);
}

function checkText(text: unknown, most: number, kind: 'plain_text' | 'any', say: Say): void {
  const { type, text: words } = (text ?? {}) as Json;
  if (typeof words !== 'string' || words.length === 0 || words.length > most)
    return say(
      `a text has 1 to ${most} characters, not ${typeof words === 'string' ? words.length : 'none'}`,
    );
  if (type !== 'plain_text' && type !== 'mrkdwn')
    say(`a text is of type plain_text or mrkdwn, not ${JSON.stringify(type)}`);
  if (kind === 'plain_text' && type !== 'plain_text') say('this text is plain_text');
}

function checkLength(value: unknown, most: number, name: string, say: Say): void {
  if (value !== undefined && (typeof value !== 'string' || value.length > most || value.length === 0))
    say(`a ${name} has 1 to ${most} characters`);
}
