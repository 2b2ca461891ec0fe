// Why a line is not a command. Thrown by the parser's parts and caught in parse.ts: it never leaves the folder.
import type { ErrorCode, ParseFailure } from './parsed.ts';

type Details = Pick<ParseFailure, 'usage' | 'suggestion' | 'caret'>;

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ErrorCode;
  readonly details: Details;
  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}
