// A workspace could not be made, stopped or deleted, and people can be told why. Knows no git and no runtime.
import { codeOf } from './system/files.ts';
import { redact } from './redact.ts';
import type { ErrorClass, Failure } from './protocol.ts';

/** `message`: finished sentences for people, the next step among them. */
export class WorkspaceError extends Error {
  override readonly name = 'WorkspaceError';
  readonly class: ErrorClass;
  constructor(errorClass: ErrorClass, message: string, options?: ErrorOptions) {
    super(redact(message), options);
    this.class = errorClass;
  }
}

export const DISK_FULL =
  "The node's disk is full. Delete a workspace that you no longer need (`/sam rm <name>`), then `/sam retry`.";

/** What people are told; of an error that nobody foresaw only that it happened. */
export function toFailure(error: unknown): Failure {
  if (error instanceof WorkspaceError) return { class: error.class, message: error.message };
  if (isFull(error)) return { class: 'configuration', message: DISK_FULL };
  return {
    class: 'internal',
    message: 'Something broke on our side while the node worked on this workspace. Try `/sam retry`.',
  };
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '');
}
