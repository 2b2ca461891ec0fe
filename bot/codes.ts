// Everything that Sam says to people, as codes and what each has to be filled in with. Types alone: rows, the wire and errors
// carry these; the sentences are in chat/wording.ts.
import type { AgentFailures, ErrorClass, Failure, NoDetails, Work } from '../agent/protocol.ts';

/** What a sentence is filled in with. Plain data: it goes into rows. */
export type Details = Readonly<Record<string, unknown>>;

/** A code and its details, as rows and errors carry them. */
export type Said<Codes, Code extends keyof Codes = keyof Codes> = {
  [K in Code]: { code: K; details: Codes[K] };
}[Code];

/** Whose side something is on. */
export type Side = ErrorClass;

/** Why a workspace, or its machine, failed: what nodes say, and what the bot finds out by itself. */
export interface FailureCodes extends AgentFailures {
  'machine-late': NoDetails;
  'machine-lost': NoDetails;
  /** Its provider never made it. */
  'machine-missing': NoDetails;
  'machine-vanished': NoDetails;
  'machine-deleted': NoDetails;
  'machine-mute': NoDetails;
  'name-missing': NoDetails;
  /** `said`: what the machine said of it. */
  'boot-failed': { step: string; said: string };
  /** `said` of these: the operation and the vendor's words. */
  'provider-quota': { said: string };
  'provider-refused': { said: string };
  'provider-unavailable': { said: string };
  /** `machine`: one that should be there. */
  'strange-account': { said: string; machine: string };
  'dns-failed': { said: string };
  /** `step`: where it stood; null: before the first. */
  'preparing-late': { step: string | null };
  'stop-unknown': NoDetails;
  'agent-unsaid': NoDetails;
  'too-many-machines': { count: number };
}

/** What this version writes down. Rows may hold what others wrote: a `Failure` whose code nobody here knows, or none. */
export type KnownFailure = Said<FailureCodes> & { class: Side };

/** What the card says beside the state, one after the other. */
export interface NoticeCodes {
  /** Of a version that wrote sentences down. */
  text: { text: string };
  'idle-stop': NoDetails;
  'stopped-long': NoDetails;
  'kept-a-day': NoDetails;
  'machine-lost': NoDetails;
  'machine-silent': NoDetails;
  'fresh-checkout': NoDetails;
  'thread-closed': { isPullRequest: boolean; isMerged: boolean };
  'label-removed': { label: string };
  'repository-deleted': NoDetails;
  /** Somebody who maintains the repository did it, not the owner. */
  'maintainer-stopped': { by: string };
  'maintainer-deleted': { by: string };
  /** Where what would be lost can be had. */
  saved: { ref: string };
  /** Why it was not saved. */
  unsaved: { failure: Failure };
  'unsaved-late': NoDetails;
  /** A deletion that was not done. `work`: null: nobody could say; empty: git could not. */
  'would-lose': { work: Work | null };
  lost: { work: Work };
  'deleted-in-a-day': { name: string };
  'push-or-force': { name: string };
  'fork-moved': { head: string };
  /** The files are of an earlier commit than the one that was let in. `pull`: its pull request's number. */
  'fork-files': { commit: string; head: string; pull: string };
}

export type Notice = Said<NoticeCodes>;

/** Why git gets no password from the bot. */
export interface GitRefusalCodes {
  busy: NoDetails;
  'no-workspace': NoDetails;
  'too-often': NoDetails;
  unavailable: NoDetails;
}

export type SaidGitRefusal = Said<GitRefusalCodes>;
