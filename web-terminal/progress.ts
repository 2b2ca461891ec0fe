// How far something is that takes a while: a strip over the terminals with a bar and a way to stop it. Knows nothing of what takes so long.
import { createButton, createElement, getElement } from './dom.ts';

export interface Progress {
  /** From 0 to 1. */
  advance: (share: number) => void;
  /** It is over, either way; what there is to say says whoever knows. */
  remove: () => void;
}

export function showProgress(text: string, onCancel: () => void): Progress {
  const bar = createElement('progress', { attributes: { max: '100', value: '0', 'aria-label': text } });
  const strip = createElement(
    'div',
    { class: 'progress' },
    createElement('span', { text }),
    bar,
    createButton('Stop', onCancel, { attributes: { 'aria-label': `Stop: ${text}` } }),
  );
  getElement('progresses').append(strip);
  return {
    advance: (share) => {
      const value = Math.floor(100 * share);
      if (bar.value !== value) bar.value = value;
    },
    remove: () => strip.remove(),
  };
}

const UNITS = ['bytes', 'KB', 'MB', 'GB'];

/** As people say it: `12 bytes`, `3.4 MB`. */
export function describeBytes(count: number): string {
  const step = count < 1_000 ? 0 : Math.min(3, Math.floor(Math.log10(count) / 3));
  const amount = count / 1_000 ** step;
  return `${step === 0 || amount >= 100 ? Math.round(amount) : Math.round(amount * 10) / 10} ${UNITS[step]}`;
}
