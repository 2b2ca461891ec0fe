// The field to ask in: keeps what is typed until it was taken, and says why nothing can be asked. Knows no conversation.
import { createElement } from '../dom.ts';
import { newKey } from '../connection/press.ts';
import type { Told } from './feed.ts';
import { createSpans } from './text.ts';

export interface Composer {
  form: HTMLElement;
  take: (told: Pick<Told, 'why' | 'refused' | 'turns'>) => void;
  /** What went wrong; empty: nothing. */
  complain: (text: string) => void;
  focus: () => void;
}

type Send = (prompt: string, key: string) => Promise<string | undefined>;

/** Taken by the bot, and not yet seen in the conversation. */
interface Sent {
  key: string;
  prompt: string;
}

const MAX_BYTES = 32 * 1024;

export function createComposer(workspace: string, send: Send): Composer {
  const { form, field, button, note } = createForm();
  const draft = createDraft(workspace);
  field.value = draft.read();
  let sent: Sent | undefined;
  let why: string | undefined;
  const update = () => {
    const isClosed = why !== undefined;
    if (field.disabled !== isClosed) field.disabled = isClosed;
    button.disabled = isClosed || sent !== undefined;
    button.textContent = sent ? 'Sending' : 'Ask';
  };
  const explain = (text: string) => {
    if (note.textContent !== text.replaceAll('`', '')) note.replaceChildren(...createSpans(text));
    note.hidden = text === '';
  };
  /** It comes back into the field, unless something else is typed there by now. */
  const giveBack = (text: string) => {
    if (sent && field.value === '') field.value = sent.prompt;
    draft.keep(field.value);
    sent = undefined;
    explain(text);
    update();
  };
  const submit = async () => {
    const prompt = field.value.trim();
    if (prompt === '' || button.disabled) return;
    if (new TextEncoder().encode(prompt).length > MAX_BYTES)
      return explain(
        'That is more than can be asked at once (32 KiB). Put it into a file of the repository.',
      );
    const mine = { key: newKey(), prompt };
    sent = mine;
    field.value = '';
    explain('');
    update();
    const wrong = await send(prompt, mine.key);
    if (wrong !== undefined && sent === mine) giveBack(wrong);
  };
  listenTo({ form, field }, { submit: () => void submit(), keep: draft.keep });
  update();
  return {
    form,
    complain: (text) => explain(text || (why ?? '')),
    focus: () => field.focus(),
    take(told) {
      if (sent && told.turns.some(({ key }) => key === sent?.key)) {
        sent = undefined;
        draft.keep(field.value);
      }
      const refused = told.refused.find(({ key }) => key === sent?.key);
      if (refused) giveBack(refused.text);
      if (told.why !== why) explain(told.why ?? '');
      why = told.why;
      update();
    },
  };
}

/** Enter sends, and Shift+Enter begins a line; what ends a composition of signs is neither. */
function listenTo(
  { form, field }: { form: HTMLFormElement; field: HTMLTextAreaElement },
  { submit, keep }: { submit: () => void; keep: (text: string) => void },
): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  field.addEventListener('input', () => keep(field.value));
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
}

function createForm() {
  const field = createElement('textarea', {
    attributes: {
      id: 'task-prompt',
      rows: '1',
      'aria-label': 'What Claude Code is to do',
      'aria-describedby': 'task-note',
      placeholder: 'What is to be done?',
      enterkeyhint: 'send',
    },
  });
  const button = createElement('button', { class: 'primary', text: 'Ask', attributes: { type: 'submit' } });
  const note = createElement('p', { class: 'note', attributes: { id: 'task-note', role: 'status' } });
  const form = createElement('form', { class: 'composer' }, note, field, button);
  note.hidden = true;
  return { form, field, button, note };
}

/** Of this browser. One that keeps nothing has it as long as the page is there. */
function createDraft(workspace: string): { read: () => string; keep: (text: string) => void } {
  const name = `sam.draft.${workspace}`;
  return {
    read() {
      try {
        return localStorage.getItem(name) ?? '';
      } catch {
        return '';
      }
    },
    keep(text) {
      try {
        if (text) localStorage.setItem(name, text);
        else localStorage.removeItem(name);
      } catch {
        // Private windows of some browsers keep nothing.
      }
    },
  };
}
