// A workspace could not be made, stopped or deleted, as a code that the bot has a sentence for. Knows no git and no runtime.
import { codeOf } from './system/files.ts';
import { redact } from './redact.ts';
import type { AgentFailure } from './protocol.ts';

/** `message` is for the log. */
export class WorkspaceError extends Error {
  override readonly name = 'WorkspaceError';
  readonly failure: AgentFailure;
  constructor(failure: AgentFailure, options?: ErrorOptions) {
    const clean = withoutSecrets(failure);
    super([clean.code, ...Object.values(clean.details)].join(': '), options);
    this.failure = clean;
  }
}

function withoutSecrets(failure: AgentFailure): AgentFailure {
  const details = Object.entries(failure.details).map(([name, value]) => [
    name,
    typeof value === 'string' ? redact(value) : value,
  ]);
  return { ...failure, details: Object.fromEntries(details) } as AgentFailure;
}

export const DISK_FULL: AgentFailure = { class: 'configuration', code: 'disk-full', details: {} };

/** Of an error that nobody foresaw people are told only that it happened. */
export function toFailure(error: unknown): AgentFailure {
  if (error instanceof WorkspaceError) return error.failure;
  return isFull(error) ? DISK_FULL : { class: 'internal', code: 'broken', details: {} };
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '');
}
