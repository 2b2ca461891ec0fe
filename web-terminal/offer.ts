// One thing that somebody may take or leave, in a strip over the terminals. No dialog: whoever types goes on typing. Knows nothing of what it is.
import { createButton, createElement, getElement } from './dom.ts';

export interface Offer {
  text: string;
  /** Shown as it is: others wrote it. */
  detail?: string;
  yes: string;
  take: () => void;
}

const OFFER_MS = 30_000;
let ending: ReturnType<typeof setTimeout> | undefined;

/** The next one takes its place; after a while it goes by itself. */
export function showOffer({ text, detail, yes, take }: Offer): void {
  const strip = getElement('offer');
  const end = () => {
    strip.hidden = true;
    strip.replaceChildren();
  };
  const accept = () => {
    end();
    take();
  };
  strip.replaceChildren(
    createElement('span', { text }),
    ...(detail === undefined ? [] : [createElement('code', { text: detail })]),
    createButton(yes, accept, { class: 'primary' }),
    createButton('No', end),
  );
  strip.hidden = false;
  clearTimeout(ending);
  ending = setTimeout(end, OFFER_MS);
}
