// Everything that Sam says to people, as codes and what each has to be filled in with. Types alone: rows, the wire and errors
// carry these; the sentences are in chat/wording.ts.
import type {
  AgentFailures,
  CodingAgent,
  Decision,
  ErrorClass,
  Failure,
  Limits,
  ModelProvider,
  NoDetails,
  PushFailure,
  TurnFailure,
  Work,
} from '../agent/protocol.ts';

/** A maximum that was reached: whose, of what, and the figures; of a size its rank. */
export type Exceeded = {
  holder: 'person' | 'repository' | 'channel' | 'installation';
  /** As a command calls them: `@bob`, `acme/api`, `here`. */
  called: string;
  kind: LimitKind;
  most: number;
  has: number;
};

export type LimitKind = 'workspaces' | 'machines' | 'size' | 'hours' | 'tasks';

/** What a sentence is filled in with. Plain data: it goes into rows. */
export type Details = Readonly<Record<string, unknown>>;

/** A code and its details, as rows and errors carry them. */
export type Said<Codes, Code extends keyof Codes = keyof Codes> = {
  [K in Code]: { code: K; details: Codes[K] };
}[Code];

/** Whose side something is on. */
export type Side = ErrorClass;

/**
 * Why a line is no command. What was typed is in here without credentials, as much as a code span shows. `command`: whose help
 * says how to write it; `suggestion`: the line that was probably meant, which parses.
 */
export interface ParseCodes {
  'too-long': NoDetails;
  /** `line`: what is shown of it; `column`: where the quote stands in that. */
  'unclosed-quote': { at: number; line: string; column: number; suggestion?: string };
  'unknown-verb': { word: string; suggestion?: string };
  /** `canAsk`: there is a command for what reads like a request. */
  prose: { canAsk: boolean };
  /** `needs`: what the front has not. */
  'wrong-front': { command: string; needs: FrontNeed };
  'unknown-flag': { flag: string; command: string; flags: readonly string[] };
  'repeated-flag': { flag: string; command: string };
  contradiction: { flag: string; other: string; command: string };
  /** `example`: the flag with what it takes. */
  'missing-value': { flag: string; example: string; command: string };
  'bad-value': {
    flag: string;
    kind: ValueKind;
    values?: readonly string[];
    max?: number;
    typed: string;
    command: string;
  };
  /** `number`: hours, or a pull request. */
  'bad-duration':
    | { flag: string; typed: string; command: string }
    | { number: string; command: string }
    | { typed: string; suggestion: string; command: string };
  'bad-target':
    | { what: 'word' | 'page' | 'address' | 'path'; typed?: string; command: string }
    /** `ssh`: an address of a repository that https reaches too. */
    | { what: 'ssh'; suggestion: string }
    | { what: 'scheme'; canBeForeign: boolean; command: string };
  /** `typed` absent: the branch of a link. */
  'bad-ref': { typed?: string; command: string };
  'bad-name': { typed: string; command: string };
  'bad-port': { typed: string; command: string };
  credentials: NoDetails;
  'no-paths-here': { command: string };
  'no-urls-here': { hosts: readonly string[]; command: string };
  'bad-person': { typed: string; command: string };
  'too-many-words': { word: string; command: string };
  'no-prompt': { command: string };
  'no-line': { command: string };
  /** A line for a shell. */
  'control-characters': { command: string };
  /** `most`: bytes. */
  'long-prompt': { most: number };
}

/** What not every front has, and a command may need. */
export type FrontNeed = 'hasChannels' | 'hasLinkedAccounts' | 'hasReviews';

/**
 * What a flag takes. `name`: a new workspace name; `ref`: a branch, tag or commit; `repository`: owner/name; `commit`: a whole
 * commit id; `size`: small, medium or large. Numbers and durations arrive as such, the rest as text.
 */
export type ValueKind =
  | 'text'
  | 'boolean'
  | 'duration'
  | 'size'
  | 'number'
  | 'name'
  | 'ref'
  | 'repository'
  | 'commit';

/** Why a command was not run, for whoever said it: what they or somebody they know can mend. */
export interface RefusalCodes extends ParseCodes {
  // Which workspace, which machine.
  which: { names: readonly string[]; verb: string };
  whose: { found: readonly { id: string; owner: string }[]; verb: string };
  /** `name`: the one that was named; `why`: where none was. */
  'no-workspace': { name: string } | { why: 'none-here' | 'none-yet' | 'none-such' };
  'which-node': NoDetails;
  /** `isAnybodys`: asked for by whoever runs Sam. */
  'no-node': { name: string; isAnybodys: boolean };
  'no-orphan': { name: string };
  ambiguous: { name: string; ids: readonly string[] };
  'not-adoptable': { name: string };

  // Not as it stands now.
  deleting: { name: string };
  dirty: { work: Work; name: string; isOwn: boolean };
  'never-idle': { name: string };
  'not-running': { name: string; phase: string; next: 'retry' | 'start' | 'status' };
  'not-failed': { name: string; phase: string };
  'name-taken': { name: string; line: string };
  'nodes-not-kept': NoDetails;
  'node-before-workspace': NoDetails;
  'node-in-use': { name: string; workspaces: readonly string[] };
  /** One more would be over it. `admins`: who can raise it, as the configuration names them. */
  'over-limit': Exceeded & { admins: readonly string[] };
  'limit-how': { kind: LimitKind };
  'limit-whom': { word: string };

  // Not by this person, not here, not so often.
  forbidden:
    | { verb: string; label: string; needed: 'read' | 'write' | 'maintain' | 'admin'; has: string }
    | { verb: 'list --all' };
  'needs-maintainer': { flag: string; label: string; has: string; line: string };
  /** `admins`: as the configuration names them. `isPublic`: where it was said. */
  'not-admin': { admins: readonly string[]; isPublic: boolean };
  'not-connected': NoDetails;
  'not-here': { verb: string };
  'no-channel': NoDetails;
  'no-connection': { word: string };
  // Of personal tokens.
  'tokens-elsewhere': NoDetails;
  'token-how': NoDetails;
  'token-taken': { name: string };
  'no-token': { name: string };
  private: { line: string };
  'not-public': NoDetails;
  /** It would name what only some of its readers may know of. */
  'not-nameable': NoDetails;
  'too-often': { most?: number; whom?: 'person' | 'repository' };

  // Of letting others in.
  /** Nobody was named. `shared`: with whom it is; empty: with nobody. */
  'share-whom': { verb: 'share' | 'unshare'; name: string; shared: readonly string[] };
  'share-self': NoDetails;
  /** Nobody can say who may read its repository. */
  'share-nowhere': { name: string };
  /** `in`: where nobody is called so. */
  'no-person': { typed: string; in: string };
  /** They have not said yet who they are on that forge. */
  'person-unconnected': { forge: string };
  'person-forbidden': { person: string; label: string };
  'shares-full': { name: string; most: number };
  'not-shared': { name: string; typed: string; shared: readonly string[] };
  /** It is shared with them to look. */
  'look-only': { name: string };

  // Of coding agents.
  /** `agent`: the one that is wanted, where there is a key for another one. */
  'no-model-key': { agent?: CodingAgent };
  /** A maximum of costs is set, and of that one nobody knows them. */
  'costs-unknown': { agent: CodingAgent };
  /** Its workspace is of a fork. */
  'no-asking-forks': { name: string };
  'queue-full': { name: string; most: number };
  /** `called`: for the command that raises it. */
  'too-many-asks': {
    most: number;
    whom?: 'person' | 'repository' | 'channel';
    called?: string;
    admins?: readonly string[];
  };
  /** What the person may spend in a month is spent. `most`: as people read it. */
  'month-spent': { most: string };
  /** Its code is a fork's: nothing of it is pushed. */
  'no-proposing-forks': { name: string };
  /** Its repository is on no forge. */
  'no-proposing-here': { name: string };
  /** What it was to go on with goes on no more. */
  'conversation-over': NoDetails;
  'nothing-asked': NoDetails;
  'no-question': NoDetails;
  /** `numbers`: of the open ones. */
  'which-question': { verb: string; numbers: readonly number[] };
  'answered-question': { number: number; by: string };

  // Which repository, and what of it.
  'which-repository': { verb: string };
  'no-repository': { label: string };
  'no-thread': { label: string; number: number };
  'thread-closed': { isPullRequest: boolean; label: string; branch: string };
  'no-github': { label: string };
  'not-a-repository': { path: string };
  'no-commit': { path: string };
  'no-git': NoDetails;
  'not-owned': { path: string };
  /** `folder`, `ref`: where the path reads like both. */
  'no-folder': { path: string; folder?: string; ref?: string };
  'names-workspace': NoDetails;

  /** It was said under no review comment. */
  'no-review-comment': NoDetails;
  /** The comment is about another commit than its fork's head. */
  'here-outdated': { commit: string; head: string };

  // Pull requests from forks. `from`: whose fork, if it is still there.
  'fork-closed': { from?: string; label: string; branch: string };
  'fork-ref': { label: string };
  'fork-untrusted': { from?: string; head: string; topic?: string };
  'fork-moved': { name: string; head: string; trusted: string; topic: string };
  /** Its forge does not say where its pull request stands. */
  'fork-unseen': { name: string; topic: string };
  'other-head': { typed: string; head: string; topic?: string };
  'no-fork': NoDetails;

  // Passwords for git, said to whoever sits at the terminal.
  'no-app': { repository: string };
  'no-access': { login: string; repository: string };
  'no-push': { login: string; repository: string; role: string };
  'no-permission': { repository: string; missing: string };
  'no-credentials': NoDetails;

  // Of the fronts.
  /** `permission` absent: GitHub did not say which. */
  'app-lacks': { permission?: string; page?: string };
  edited: { line: string };
  'no-form': { about: string };
  'no-button': NoDetails;
  /** Nobody has said by which names ports are reached. */
  'no-ports-domain': NoDetails;
  /** A bug. `ref` finds it in the log. */
  internal: { ref: string };
}

/** What is answered to a command that ran. */
export interface AnswerCodes {
  /** The card says it. */
  ok: NoDetails;
  /** A pull request or issue was; nobody said anything. */
  closed: NoDetails;
  'there-already': { name: string };
  'started-already': { name: string };
  'stopped-already': { name: string };
  'deleting-already': { name: string };
  renamed: { from: string; name: string };
  /** `until`: ISO 8601. */
  kept: { name: string; until: string; isCut: boolean };
  /** `until`: ISO 8601. `person`: what they are called; `id`: of the workspace. */
  shared: {
    share: string;
    name: string;
    id: string;
    person: string;
    may: 'view' | 'drive';
    until: string;
    isCut: boolean;
    isRunning: boolean;
  };
  unshared: { name: string; person: string };
  /** What it may use while it runs. `limits`: null: its node can hold it to none. */
  limits: { name: string; limits: Limits | null };
  /** `received`: what others let the person into; `rows` is empty where that is all. */
  workspaces: Table & { received?: Table };
  'no-workspaces': { why: 'filtered' | 'none-here' | 'none-yet' | 'nobodys' | 'none-at-all' };
  logs: { lines: readonly { at: string; step: string; text: string }[] };
  'no-logs': { name: string };
  you: You;
  /** `shared`: with whom, of one that is theirs; `lent`: what they may in one that is somebody else's. `until`: ISO 8601. */
  owner: You & {
    name: string;
    owner: string;
    sessions: number;
    shared?: readonly { name: string; may: 'view' | 'drive'; until: string }[];
    lent?: { may: 'view' | 'drive'; until: string };
  };
  nodes: Table & { troubles: readonly { name: string; message: string }[] };
  /** `isAnybodys`: all were asked for. */
  'no-nodes': { isAnybodys?: true };
  /** `minutes`: how long it waits for a workspace. */
  'node-comes': { name: string; size: string; minutes: number };
  /** One that no workspace is on is there already. */
  'node-waits': { name: string };
  'node-goes': { name: string };
  'node-going': { name: string };
  /** `count`: workspaces that stop. */
  'node-stops': { name: string; count: number };
  'node-forgotten': { name: string };
  'not-looked': { error?: string };
  /** `lookedAt`: ISO 8601. */
  orphans: { orphans: readonly OrphanLine[]; more: number; lookedAt: string };
  'orphan-goes': { name: string; id: string };
  'orphan-adopted': { name: string; id: string };
  limit: Table & { called: string };
  cost: { machines: number; rate: string; month: string };
  'no-prices': NoDetails;
  /** `repository` absent: there is none. */
  default: { repository?: string; ref?: string };
  connect: NoDetails;
  /** `address`: of the page, where no private link can be shown. */
  settings: { address?: string };
  disconnected: { wasLinked: boolean };
  /** `until`: ISO 8601. Its secret is in no answer: the front makes it as it shows it. */
  token: { id: string; name: string; scope: 'read' | 'write' | 'admin'; until: string };
  tokens: Table;
  'no-tokens': NoDetails;
  'token-gone': { name: string };
  /** `command` absent: what can be said at all. */
  help: { command?: string };
  'rename-how': { id: string };
  /** Asks back before a deletion. */
  confirm: { id: string };
  /** `line` absent: the whole file. */
  here: { name: string; path: string; line?: number; commit: string };
  /** `before`: turns that come first. */
  asked: { name: string; before: number; agent?: CodingAgent };
  /** The same of a command line. */
  runs: { name: string; before: number };
  /** `count`: turns that end. */
  cancelling: { name: string; count: number };
  decided: { number: number; decision: Decision };
  port: PortLine & { name: string };
  'port-closed': { name: string; port: number };
  'port-list': { name: string; ports: readonly PortLine[] };
  /** `waits`: something is worked on first. */
  proposing: { name: string; branch: string; waits: boolean };
}

/** Columns, the first row their heads. `more`: rows that were left out. */
export interface Table {
  rows: readonly (readonly string[])[];
  more: number;
}

/** One port of a workspace. `listens`: as its node said last. */
export interface PortLine {
  port: number;
  address: string;
  state: 'private' | 'shared' | 'closed';
  listens: boolean;
}

/** Who somebody is. `id`, `front`: where not everybody reads it. */
interface You {
  you: string;
  id?: string;
  front?: string;
}

export interface OrphanLine {
  id: string;
  name: string;
  why: string;
  address: string | null;
  since: string;
  change: 'adopt' | 'delete' | null;
  error: string | null;
}
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
  /** Of an earlier version. */
  'too-many-machines': { count: number };
  'over-limit': Exceeded;
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
  /** Nobody reaches it from where it was made; `until`: when it goes, an ISO time. */
  'app-left': { where: string; until: string };
  'app-gone': { where: string };
  /** Somebody who maintains the repository did it, not the owner. */
  'maintainer-stopped': { by: string };
  'maintainer-deleted': { by: string };
  /** The same by somebody who runs Sam. */
  'admin-stopped': { by: string };
  'admin-deleted': { by: string };
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
  /** It runs, and ran against what it may use. */
  'limit-reached': { limits: Limits };
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

/** Why a model gets no key of its workspace's owner from the bot. */
export interface KeyRefusalCodes {
  busy: NoDetails;
  'not-running': NoDetails;
  fork: NoDetails;
  none: { provider: ModelProvider };
  /** What lies there cannot be opened. */
  unreadable: NoDetails;
  unavailable: NoDetails;
}

export type SaidGitRefusal = Said<GitRefusalCodes>;

/** Why a turn has no answer: what agents say of it, and what the bot finds out by itself. */
export interface TurnFailureCodes extends Record<TurnFailure, { said?: string }> {
  /** Somebody, or time, stopped its workspace. */
  'workspace-stopped': NoDetails;
  'workspace-deleted': NoDetails;
  /** It did not come up, or broke. */
  'workspace-failed': NoDetails;
  /** Its agent never began, as those of earlier versions do not. */
  'never-begun': NoDetails;
  'too-costly': CostLimit;
  /** The turns before it all had the same answer. */
  'in-circles': { times: number };
}

export type SaidTurnFailure = Said<TurnFailureCodes>;

/** Which maximum was reached, as people read it: `5.00`. `when`: known after its end, or before it was begun; absent: in the middle. */
export interface CostLimit {
  limit: 'turn' | 'task' | 'month';
  most: string;
  when?: 'done' | 'before';
}

/** Why work was not offered as a change: what agents say of the push, and what the bot finds out by itself. */
export interface ProposalFailureCodes extends Record<PushFailure, { said?: string }> {
  'workspace-stopped': NoDetails;
  'workspace-deleted': NoDetails;
  'workspace-failed': NoDetails;
  /** Its agent never said what came of the push, as those of earlier versions do not. */
  'never-pushed': NoDetails;
  'no-forge': NoDetails;
  /** There is no such branch to merge it into. */
  'no-base': { base: string };
  'app-lacks': { permission: string };
  /** `said`: the forge's words. */
  'forge-refused': { said: string };
  'forge-unavailable': { said: string };
}

export type SaidProposalFailure = Said<ProposalFailureCodes>;
