// What people read of a row or a report, where no trigger is needed.
import type { Failure } from '../agent/protocol.ts';
import { createSay, wordFailure, wordNotices } from '../bot/chat/wording.ts';
import type { Notice } from '../bot/codes.ts';

const say = createSay('');

export const failureText = (failure: Failure | null | undefined): string =>
  wordFailure(failure, 'api', say).text;

export const noticeText = (notices: Notice[] | null): string => wordNotices(notices ?? [], say);
