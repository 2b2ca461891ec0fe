// Telling this device of something while nobody looks: its switches, and that somebody does look. Shows no message: the worker does
// (offline/service-worker.ts).
import { createElement } from '../dom.ts';
import { keep, readOn, refresh, send, whyNot, type Wish } from './subscription.ts';

export interface Telling {
  /** Somebody was let in: what the browser changed meanwhile is said, and whether the page is in sight. */
  start: () => void;
  stop: () => void;
  /** For the settings. */
  createSwitches: () => HTMLElement;
}

const TOPICS = {
  questions: 'a coding agent asks something',
  commands: 'a command of more than 30 seconds ends',
} satisfies Record<keyof Wish, string>;

/** Said again before the bot forgets it. */
const LOOK_EVERY_MS = 30_000;
const SILENT = 'Sam does not answer. Try again in a moment.';

export function createTelling(workspaceId: string): Telling {
  const at = `/w/${encodeURIComponent(workspaceId)}/push`;
  let looking: ReturnType<typeof setInterval> | undefined;
  let isStarted = false;
  const sayLook = () => {
    const isLooking = document.visibilityState === 'visible';
    void send(`${at}/look`, 'POST', { isLooking }, true).catch(() => undefined);
  };
  const look = (isOn: boolean) => {
    clearInterval(looking);
    document.removeEventListener('visibilitychange', sayLook);
    looking = undefined;
    if (!isOn) return;
    sayLook();
    document.addEventListener('visibilitychange', sayLook);
    looking = setInterval(() => document.visibilityState === 'visible' && sayLook(), LOOK_EVERY_MS);
  };
  return {
    start() {
      if (isStarted || whyNot() !== undefined || Notification.permission !== 'granted') return;
      isStarted = true;
      void refresh(at).then(
        (isOn) => look(isOn && isStarted),
        () => (isStarted = false),
      );
    },
    stop() {
      isStarted = false;
      look(false);
    },
    createSwitches: () => createSwitches(at, look),
  };
}

function createSwitches(at: string, look: (isOn: boolean) => void): HTMLElement {
  const said = createElement('p', { class: 'kept', attributes: { role: 'status' } });
  const createBox = () => createElement('input', { attributes: { type: 'checkbox', disabled: '' } });
  const boxes = { questions: createBox(), commands: createBox() } satisfies Record<keyof Wish, HTMLElement>;
  let kept: Wish = { questions: false, commands: false };
  const show = (now: Wish) => {
    kept = now;
    boxes.questions.checked = now.questions;
    boxes.commands.checked = now.commands;
  };
  let changes = 0;
  let changing = Promise.resolve();
  const change = async (wanted: Wish, asked: Promise<NotificationPermission> | undefined) => {
    const why = await keep(at, wanted, asked).catch(() => SILENT);
    if (why === undefined) kept = wanted;
    look(isAny(kept));
    if (--changes > 0) return;
    show(kept);
    said.textContent = why ?? '';
  };
  for (const box of Object.values(boxes))
    box.addEventListener('change', () => {
      const wanted = { questions: boxes.questions.checked, commands: boxes.commands.checked };
      // The browser asks only while it is still the press.
      const asked = isAny(wanted) ? Notification.requestPermission() : undefined;
      changes++;
      changing = changing.then(() => change(wanted, asked));
    });
  void readOn(at).then(
    (found) => {
      if (typeof found === 'string') return void (said.textContent = found);
      show(found);
      for (const box of Object.values(boxes)) box.disabled = false;
    },
    () => (said.textContent = SILENT),
  );
  const createSwitch = (topic: keyof Wish) =>
    createElement('label', { class: 'switch' }, boxes[topic], document.createTextNode(TOPICS[topic]));
  return createElement(
    'fieldset',
    { class: 'telling' },
    createElement('legend', { text: 'Tell this device, while nobody looks, when' }),
    createSwitch('questions'),
    createSwitch('commands'),
    said,
  );
}

const isAny = ({ questions, commands }: Wish): boolean => questions || commands;
