// What people type while the node is still asked for their terminal: kept until it is there, and not without an end. Sends nothing.

/** Whoever types more than that before there is an answer does not see what becomes of it. */
const MAX_BYTES = 16_384;

export interface Ahead {
  ahead?: Uint8Array[];
}

/** False: it is too much, and not kept. */
export function keepAhead(of: Ahead, bytes: Uint8Array): boolean {
  const { ahead = [] } = of;
  if (ahead.reduce((sum, { length }) => sum + length, bytes.length) > MAX_BYTES) return false;
  of.ahead = [...ahead, bytes];
  return true;
}

/** All of it, in order; from now on it is kept no more. */
export function takeAhead(of: Ahead): Uint8Array[] {
  const { ahead = [] } = of;
  delete of.ahead;
  return ahead;
}

const KEYS: Record<string, string> = { Enter: '\r', Backspace: '\x7f' };
/** A character and what combines with it; keys that type nothing have names of letters (https://w3c.github.io/uievents-key/#key-string). */
const TYPED = /^\P{Cc}\p{M}*$/u;

/** What a key types where there is no terminal to ask; undefined: nothing, or it is the browser's. */
export function readTyped(event: KeyboardEvent): string | undefined {
  const { key, altKey, ctrlKey, metaKey, isComposing } = event;
  const isHeld = (altKey || ctrlKey) && !event.getModifierState('AltGraph');
  if (isComposing || metaKey || isHeld) return undefined;
  return KEYS[key] ?? (TYPED.test(key) ? key : undefined);
}
