// Tables, buttons and a chart for a person's own pages: markup without scripts and without styles of its own. Pure.
import { escape } from '../../../access/people/sign-in-pages.ts';

/** What stands in a cell: text, or markup that was made here. */
export type Cell = string | { html: string };

const cell = (one: Cell): string => (typeof one === 'string' ? escape(one) : one.html);

/** `empty`: said where there are no rows. Wider than a phone it scrolls by itself, by keyboard too. */
export function table(
  title: string,
  heads: readonly string[],
  rows: readonly Cell[][],
  empty: string,
): string {
  const heading = `<h2>${escape(title)}</h2>`;
  if (rows.length === 0) return `<section>${heading}<p>${escape(empty)}</p></section>`;
  const head = heads.map((one) => `<th scope="col">${escape(one)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((one) => `<td>${cell(one)}</td>`).join('')}</tr>`).join('');
  return (
    `<section>${heading}<div class="scroll" role="region" tabindex="0" aria-label="${escape(title)}">` +
    `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div></section>`
  );
}

/** `about`: what it is done to, for those who hear the page. */
export const button = (action: string, label: string, about: string): string =>
  `<form method="post" action="${escape(action)}"><button aria-label="${escape(`${label} ${about}`)}">${escape(label)}</button></form>`;

export const buttons = (all: readonly string[]): Cell => ({ html: all.join('') || '-' });

export const link = (href: string, label: string): Cell => ({
  html: `<a class="plain" href="${escape(href)}">${escape(label)}</a>`,
});

export const paragraph = (text: string): string => `<p>${escape(text)}</p>`;

/** `2026-05-10 18:40 UTC`. */
export const moment = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

const WIDTH = 600;
const HEIGHT = 120;

/** A bar a day. What it shows stands in words beside it, for those who do not see it. */
export function chart(title: string, days: readonly { day: Date; amount: number }[], text: string): string {
  const most = Math.max(...days.map(({ amount }) => amount), 0.01);
  const step = WIDTH / days.length;
  const bars = days.map(({ day, amount }, index) => {
    const height = Math.round((amount / most) * HEIGHT);
    return (
      `<rect x="${(index * step).toFixed(1)}" y="${HEIGHT - height}" width="${(step * 0.8).toFixed(1)}" height="${height}" fill="currentColor">` +
      `<title>${day.toISOString().slice(0, 10)}: ${amount.toFixed(2)}</title></rect>`
    );
  });
  return (
    `<section><h2>${escape(title)}</h2><p>${escape(text)}</p>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(`${title}. ${text}`)}">${bars.join('')}</svg></section>`
  );
}
