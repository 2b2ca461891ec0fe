// Finding and making elements. Text goes in as text, never as markup; knows nothing of terminals.

interface Parts {
  class?: string;
  text?: string;
  attributes?: Record<string, string>;
}

/** The element with this id; the page's own HTML has it, or the page is broken. */
export function getElement(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`page: no element #${id}`);
  return found;
}

/** A new element. `text` is put in as text; `attributes` are the page's own, never somebody's input for `href` or `src`. */
export function createElement<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { class: name, text, attributes = {} }: Parts = {},
  ...children: Node[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function createButton(text: string, press: () => void, parts: Parts = {}): HTMLButtonElement {
  const button = createElement('button', {
    ...parts,
    text,
    attributes: { type: 'button', ...parts.attributes },
  });
  button.addEventListener('click', press);
  return button;
}
