// Tells what a terminal answers to programs from what people type. Pure.

/** Attributes, status and cursor position, modes and sizes; focus; colours and settings. */
const REPORT = [
  '\\x1b\\[[?>=]?[\\d;]*(?:[cRnt]|\\$y)',
  '\\x1b\\[[IO]',
  '\\x1b[P\\]][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)',
];
const ONLY_REPORTS = new RegExp(`^(?:${REPORT.join('|')})+$`);

/** True for one or more whole answers, and for nothing with a key among them. */
export function isReport(text: string): boolean {
  return ONLY_REPORTS.test(text);
}
