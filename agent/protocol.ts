// The words that bot, agent and page exchange: types, opcodes, limits. Imports nothing; knows no socket and no state.

// ---------------------------------------------------------------------------------------------------------------
// The terminal: `GET /terminal` on the node. Control frames are JSON text, bytes are binary frames.

/** Binary frames: `[type u8][n u16][payload]`, little-endian; `n` is the session's number on this socket. */
export const Frame = {
  /** viewer -> node: what was typed. */
  INPUT: 0x01,
  /** viewer -> node: f64, the offset up to which the viewer has parsed the session's output. Cumulative. */
  ACK: 0x02,
  /** viewer -> node: more of an upload; `n` is the transfer's number. */
  UPLOAD: 0x03,
  /** node -> viewer: the session's output; goes on from the last offset said. */
  OUTPUT: 0x80,
  /** node -> viewer: f64 offset, then bytes that redraw the screen as of that offset. One or more of one offset. */
  SNAPSHOT: 0x81,
  /** node -> viewer: more of a download; `n` is the transfer's number. */
  DOWNLOAD: 0x82,
} as const;

export const FRAME_HEAD_BYTES = 3;
export const OFFSET_BYTES = 8;
/** The largest frame that a node takes from a viewer. A paste is cut into pieces. */
export const MAX_FRAME_BYTES = 1 << 20;
/** What a session may have sent that its fastest viewer has not acknowledged, before its pty is paused. */
export const WINDOW_BYTES = 256 * 1024;
/** How much a viewer parses between two ACKs. */
export const ACK_EVERY_BYTES = 32 * 1024;
/** The largest file that goes up or down. */
export const MAX_FILE_BYTES = 1_000_000_000;
/** What of a file may be on its way before the other side says that it has it. */
export const FILE_WINDOW_BYTES = 1 << 20;
/** What `sam-download` says to the page: `download;PATH` behind this number, the path in base64. */
export const FILE_OSC = 7717;
/** How long the node waits for the first frame. */
export const ATTACH_TIMEOUT_MS = 5_000;
/** Viewers that have not attached yet, on one node. */
export const MAX_PENDING_VIEWERS = 64;

/** Why a node closed the socket. Anything else is a broken network: the page reconnects. */
export const Close = {
  /** The ticket is unknown, spent, late, for somebody else, or older than the last revocation. */
  BAD_TICKET: 4401,
  /** The ticket's workspace is not on this node. */
  NOT_HERE: 4404,
  /** The workspace was stopped or deleted. */
  STOPPED: 4410,
  /** Too many viewers or sessions. */
  TOO_MANY: 4429,
} as const;

/** One pty. `first` and `end` are offsets, in bytes, of the output that the node still has; they count from its birth. */
export interface SessionInfo {
  id: string;
  name: string;
  cols: number;
  rows: number;
  first: number;
  end: number;
  /** It ended with its machine, and is there to be read. Newer agents say it. */
  isOver?: true;
}

interface Ref {
  /** Chosen by the viewer; the answer to the request repeats it. */
  ref?: number | string;
}

export type ViewerMessage =
  | { type: 'attach'; ticket: string }
  | ({ type: 'open'; name?: string; profile?: string; cols: number; rows: number } & Ref)
  | ({ type: 'resume'; id: string; offset?: number } & Ref)
  | ({ type: 'close'; id: string } & Ref)
  | ({ type: 'rename'; id: string; name: string } & Ref)
  | ({ type: 'resize'; id: string; cols: number; rows: number } & Ref)
  /** Into the workspace's folder, by this name or one beside it. The viewer counts its transfers: none has the number of another. */
  | { type: 'upload'; transfer: number; name: string; size: number }
  /** `path`: absolute, or from the workspace's folder. */
  | { type: 'download'; transfer: number; path: string }
  /** Of a download: the viewer has so many bytes of it. Cumulative. */
  | { type: 'taken'; transfer: number; bytes: number }
  /** Nothing more comes of it, either way. */
  | { type: 'cancel'; transfer: number };

/** Somebody who has the workspace's page open, however often. */
export interface PersonPresent {
  /** What they are called: nothing else is told of them. */
  name: string;
  /** They look on, and cannot type. */
  isLooking?: true;
  isTyping?: true;
  /** Whoever hears it. */
  isYou?: true;
}

/** Named in one `presence`. */
export const MAX_PRESENT = 20;

export type TerminalMessage =
  /** `profiles`: what `open` takes. `takesFiles`: this viewer may send and fetch files. Newer nodes say both. */
  | { type: 'attached'; sessions: SessionInfo[]; profiles?: string[]; takesFiles?: true }
  | ({ type: 'opened'; id: string; n: number } & Ref)
  | ({ type: 'resumed'; id: string; n: number; offset: number } & Ref)
  /** The session, or that offset of it, does not exist (any more). */
  | ({ type: 'gone'; id: string } & Ref)
  /** To every viewer of the workspace: somebody opened, renamed or resized a session; or `closed` answers `close`. */
  | ({ type: 'session'; session: SessionInfo } & Ref)
  /** `isLost`: what held the terminal broke, nobody knows what became of the program. Newer agents say it. */
  | { type: 'exit'; id: string; code: number; signal?: number; isLost?: true }
  /** Who is there, each time all of them, as soon as they are several; `more`: not named. Newer nodes say it. */
  | { type: 'presence'; people: PersonPresent[]; more: number }
  | ({ type: 'error'; code: string; message: string } & Ref)
  | FileMessage;

/** What a bell does: `mark` the tab, ring out loud as well, or nothing. */
export const BELLS = ['mark', 'sound', 'off'] as const;
export type Bell = (typeof BELLS)[number];
/** px. */
export const FONT_SIZES = { least: 9, most: 28 };

/** What a person wants of the page, as far as they said; the bot keeps it for them. */
export interface PageSettings {
  /** Of the text in px, where there is a mouse, and where there are fingers. */
  fontSize?: number;
  touchFontSize?: number;
  /** What is selected goes to the clipboard at once. */
  copyOnSelect?: boolean;
  bell?: Bell;
  /** Asks before more than a megabyte is pasted. */
  askLargePaste?: boolean;
  /** The page has keys of its own. */
  shortcuts?: boolean;
}

/** What becomes of a transfer. After `done` and `failed` nothing more is said of it. */
export type FileMessage = { type: 'file'; transfer: number } &
  /** Bytes may come now. Of a download with what it is called, and how large it was just now. */
  (
    | { is: 'begun'; name?: string; size?: number }
    /** Of an upload: so many bytes of it are written. Cumulative. */
    | { is: 'taken'; bytes: number }
    /** `path`: where it is, as the workspace's programs see it. */
    | { is: 'done'; path: string }
    | { is: 'failed'; code: string; message: string }
  );

/** Attributes, status and cursor position, modes and sizes; focus; colours and settings. */
const REPORT = [
  '\\x1b\\[[?>=]?[\\d;]*(?:[cRnt]|\\$y)',
  '\\x1b\\[[IO]',
  '\\x1b[P\\]][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)',
];
const ONLY_REPORTS = new RegExp(`^(?:${REPORT.join('|')})+$`);

/**
 * Whether INPUT is what a terminal answers to programs by itself: one or more whole answers, and no key among them.
 * It is no sign of a person.
 */
export function isReport(text: string): boolean {
  return ONLY_REPORTS.test(text);
}

// ---------------------------------------------------------------------------------------------------------------
// A workspace's port: `GET /port` on the node, asked by the bot alone, with a ticket as its bearer token. What is upgraded is the bytes
// of the program that listens there. A refusal is a status, and one of these words in a header.

export const PORT_PROTOCOL = 'sam-port';
export const PORT_REFUSAL_HEADER = 'sam-refusal';

export const PORT_REFUSALS = {
  /** The ticket is unknown, spent, late, or older than the last revocation. */
  'bad-ticket': '401 Unauthorized',
  /** The ticket's workspace is not on this node. */
  'not-here': '404 Not Found',
  'not-running': '409 Conflict',
  'too-many': '429 Too Many Requests',
  /** Nothing of the workspace listens there. */
  'nothing-listens': '502 Bad Gateway',
  /** What listens takes no connection. */
  silent: '504 Gateway Timeout',
  /** The node cannot get to where the workspace's programs run. */
  'no-way': '503 Service Unavailable',
} as const;
export type PortRefusal = keyof typeof PORT_REFUSALS;

// ---------------------------------------------------------------------------------------------------------------
// The agent's connection: `GET /agent/connect` on the bot, dialled by the agent. JSON text frames.

export const AGENT_PROTOCOL_VERSION = 1;
/** Both sides ping as often; three missed and the other side counts as gone. */
export const PING_EVERY_MS = 15_000;

/**
 * The variables that a machine's own go on by: from the bot to an agent beside it, from an agent to git and to sessions.
 * Where things are, how to get out, whom to trust, which language and time. Nothing else is passed.
 */
export const PASSED =
  /^(PATH|HOME|TMPDIR|TZ|LANG|LC_[A-Z]+|XDG_(CONFIG|DATA|STATE|CACHE)_HOME|XDG_(CONFIG|DATA)_DIRS|XDG_RUNTIME_DIR|DOCKER_HOST|GIT_SSL_CAINFO|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY)$/;

/** What may still be lost with a workspace. Counts of files and commits. */
export interface Work {
  /** Tracked files with changes. */
  changed: number;
  /** Files git does not know and does not ignore. */
  untracked: number;
  /** Commits that no remote branch holds, and stashes. */
  unpushed: number;
  /** What of it lies elsewhere than in the checkout itself: in worktrees, submodules, other repositories. Newer agents say it. */
  places?: WorkPlace[];
}

export interface WorkPlace {
  /** Its folder, as seen from the checkout. */
  where: string;
  kind: 'worktree' | 'submodule' | 'repository';
  changed: number;
  untracked: number;
  unpushed: number;
}

/** Whose side a failure is on. `transient`: trying again may help. */
export type ErrorClass = 'transient' | 'configuration' | 'provider' | 'internal';

/** Nothing to fill in. */
export type NoDetails = Readonly<Record<string, never>>;

/**
 * What a node says went wrong, and what each is filled in with; the sentences are the bot's. Names are as the goal has them,
 * cut to size and without secrets; `host` is empty for a repository that lies on the node itself.
 */
export interface AgentFailures {
  broken: NoDetails;
  'disk-full': NoDetails;
  'no-git': NoDetails;
  'untrusted-host': { host: string };
  'no-password': { repository: string };
  'no-ref': { repository: string; ref: string };
  'foreign-repository': { repository: string };
  'not-a-repository': { repository: string };
  'no-such-repository': { repository: string };
  'no-address': { host: string };
  'silent-host': { host: string };
  'broken-connection': { host: string };
  /** `said`: the last thing that git said. */
  'git-failed': { repository: string; said: string };
  /** Whoever has the passwords gave none; `said` is their sentence. */
  'git-refused': { said: string };
  'bad-repository': NoDetails;
  'bad-ref': { ref: string };
  'commit-gone': { commit: string };
  'loose-commit': { ref: string };
  'no-user': { program: string; said: string };
  'foreign-files': { path: string };
  'processes-live': { count: number };
  'unknown-work': NoDetails;
  /** The engine that runs containers does not answer. */
  'engine-unavailable': NoDetails;
  'no-compose': NoDetails;
  'out-of-memory': { during: string };
  /** `why`: it could not be reached, was busy (a status), or had enough of us. `host`: of the registry. */
  'registry-unavailable': { host: string; why: string };
  'registry-limited': { host: string };
  'registry-denied': { host: string; what: string };
  'registry-untrusted': { host: string };
  'no-image': { image: string };
  'no-feature': { feature: string };
  /** `path` is in the checkout. */
  'devcontainer-broken': { path: string; said: string };
  /** `choices`: what could be named instead, comma-separated. */
  'no-devcontainer': { what: string; choices: string };
  'devcontainer-file-missing': { path: string; file: string };
  'devcontainer-build-failed': { exit: number; said: string };
  'devcontainer-feature-failed': { feature: string; said: string };
  'devcontainer-hook-failed': { hook: string; exit: number; said: string };
  /** It took longer than `minutes`. */
  'devcontainer-late': { during: string; minutes: number };
  'no-container-user': { user: string };
  'container-exited': { exit: number; said: string };
  'devcontainer-failed': { said: string };
  'default-image-failed': { said: string };
  /** Work that a deletion would have saved. `gone`: the host took it and does not have it. */
  'not-saved': { why: 'no-commit' | 'gone' | 'denied' | 'refused' | 'unreachable'; host: string };
}

/** What went wrong. No secrets, no stack. */
export interface Failure {
  class: ErrorClass;
  /** One of `AgentFailures`, or of those that the bot adds. Other versions know others; absent: the one before knew none. */
  code?: string;
  details?: Readonly<Record<string, unknown>>;
  /** Of an agent that knows no codes: a finished sentence. */
  message?: string;
}

/** What this version of the agent says. */
export type AgentFailure = {
  [Code in keyof AgentFailures]: { class: ErrorClass; code: Code; details: AgentFailures[Code] };
}[keyof AgentFailures];

/** What the bot wants a node to have. */
export interface DesiredWorkspace {
  id: string;
  /** What people type; also the prompt's and the folder's name. */
  name: string;
  desired: 'running' | 'stopped' | 'deleted';
  /** Moves with each start, restart and retry: a higher one than before means "begin again". */
  run: number;
  /** Counts revocations; viewers with a lower one are dropped at once. */
  access: number;
  /** Who else is let in: whoever attached with a share that ended is dropped at once. Absent: it was never shared. */
  shares?: SharesOpen;
  /** With `deleted`: go even if work would be lost. Without it the agent looks first, and may answer `refused`. */
  force: boolean;
  /**
   * With `deleted` that nobody asked for, in a repository that is known to be private: the agent pushes what would be
   * lost to `refs/sam/<id>` there, and says so with `saved` beside `refused`. It deletes nothing before the bot has
   * written that down and says `force`.
   */
  save?: true;
  /** `https://host/owner/name.git`, or a path on a local node. */
  repository: string;
  /** Branch, tag or commit to check out; absent: the remote's default. */
  ref?: string;
  /** The commit to check out, as the head of `ref` where that is a branch; 40 or 64 hexadecimal digits. */
  commit?: string;
  /** Which of the repository's configurations for containers, by name or path; absent: nobody said. */
  configuration?: string;
  /** How much of its machine it may take. Newer bots say it. */
  size?: 'small' | 'medium' | 'large';
  /** Whom commits are by, until somebody says otherwise in the checkout. */
  identity?: GitIdentity;
  /**
   * Who has the passwords for the repository's host. `sam`: the bot, by `git-token`; `none`: nobody, whatever the node has;
   * absent: whoever the node asks.
   */
  credentials?: 'sam' | 'none';
  /**
   * What its owner has left for Claude Code: a `key`, which the node's gateway puts in, or a token of their `plan`, which only
   * its own processes can carry. Absent: nothing, or nothing for this code.
   */
  claude?: 'key' | 'plan';
  /** Somebody wants to hear of commands in its terminals that took long. Newer bots say it. */
  tellsCommands?: true;
  /** Where its owner's dotfiles are, `https://host/owner/name`. Absent: nowhere, or not for this code. */
  dotfiles?: string;
}

/** Shares by their numbers. One above `upTo` is newer than this: its ticket is all that is known of it. */
export interface SharesOpen {
  upTo: number;
  open: number[];
}

export interface GitIdentity {
  name: string;
  email: string;
}

/** A push takes more rights than a fetch. */
export type GitOperation = 'fetch' | 'push';

/** What git may use for one repository, and what must never be written anywhere. */
export interface GitToken {
  username: string;
  password: string;
  /** ms since 1970, on the bot's clock. */
  expiresAt: number;
}

/** Why there is no token. */
export interface GitRefusal {
  code: string;
  details?: Readonly<Record<string, unknown>>;
  /** The same as a sentence, for the terminal in which git asked: nobody there knows codes. */
  message?: string;
}

/** What the programs of a workspace may use at most, together. */
export interface Limits {
  /** Bytes, files in memory included. */
  memory: number;
  /** Each thread counts. */
  processes: number;
  /** What they ran against since it was started: some were ended for want of memory, or could not be started. */
  reached?: ('memory' | 'processes')[];
}

/** What a workspace goes through until it runs; what is not needed is left out. */
export const PREPARE_STEPS = ['clone', 'pull', 'build', 'features', 'create', 'hooks', 'start'] as const;
export type PrepareStep = (typeof PREPARE_STEPS)[number];

/** Where the programs of a workspace run, and what came of its own configuration. */
export interface Environment {
  /** `devcontainer`: a container, as the repository describes it; `host`: the node itself, which keeps nothing apart. */
  runtime: 'devcontainer' | 'host';
  /** The file of the checkout that describes it; absent: there is none, or it was not asked. */
  configuration?: string;
  /** The container could not be made as it is described: this one is for mending that. The report has the failure. */
  isRecovery?: true;
  /** What else the checkout has: names that `up --config` takes. */
  others?: string[];
  /** It was made anew, since what describes it has changed; or it was not, and would be by a restart. */
  change?: 'rebuilt' | 'outdated';
  /** What the configuration wants to be reached at from outside. */
  ports?: number[];
  /** How long each step of the last preparation took. */
  steps?: { step: PrepareStep; ms: number }[];
  /** Its owner's dotfiles are not installed as they should be. */
  dotfiles?: DotfilesFailure;
}

/** `exit`: what their own script ended with; -1: nobody knows. */
export interface DotfilesFailure {
  code: 'clone-failed' | 'install-failed' | 'late';
  exit?: number;
}

/** Whose models a workspace may ask with its owner's key. `claude`: a token of the owner's plan, which no gateway can put in. */
export type ModelProvider = 'anthropic' | 'openai' | 'claude';

/** Why there is no key: `message` is the sentence for whoever asked, in the terminal. */
export interface KeyRefusal {
  code: string;
  message?: string;
}

/** What a workspace has asked of models since it was made. Counts; tokens as the answers say them. */
export interface ModelUsage {
  requests: number;
  input: number;
  output: number;
  /** Read from, and written to, the models' cache. */
  cacheRead: number;
  cacheWrite: number;
}

/** Where models are asked: the bases of the addresses, without a slash at their end. */
export type ModelServices = Record<Exclude<ModelProvider, 'claude'>, string>;

/** What a node has. */
export interface WorkspaceReport {
  id: string;
  phase: 'preparing' | 'running' | 'stopping' | 'stopped' | 'deleting' | 'deleted' | 'failed';
  /** The `run` that this phase belongs to. */
  run: number;
  step?: PrepareStep | 'check' | 'saving';
  /** How often the step was tried, this time among them, and how often it is at most; from the second time on. */
  attempt?: { number: number; of: number };
  failure?: Failure;
  /** Where its programs run. Newer agents say it, from the first preparation on. */
  environment?: Environment;
  /** When somebody last typed; ms since 1970, the bot corrects it to its own clock by `now`. */
  activityAt?: number;
  sessions: number;
  /** The commit that is checked out. */
  commit?: string;
  work?: Work;
  /**
   * The answer to a `deleted` without `force`: the work that would be lost, so nothing was deleted. With `saved` only
   * what is not in it: nothing at all if everything is. Without it and empty: git could not say.
   */
  refused?: Work;
  /** What the repository holds of it since it last ran. */
  saved?: Saved;
  /** While it runs. Null: the node can hold it to none; older agents say nothing. */
  limits?: Limits | null;
  /** Absent: it has asked no model. */
  usage?: ModelUsage;
  /** Of what failed: nothing was ever checked out, so nothing can be lost with it. Newer agents say it. */
  isEmpty?: true;
  /** While it runs: what its programs listen on, in order; not more than some dozens. Newer agents say it. */
  ports?: number[];
}

/** Where work was pushed before a deletion that nobody asked for; the remote was asked, and has it. */
export interface Saved {
  /** `refs/sam/<workspace id>`, in the workspace's repository. */
  ref: string;
  commit: string;
}

/** Programs that work on prompts. */
export const CODING_AGENTS = ['claude', 'codex'] as const;
export type CodingAgent = (typeof CODING_AGENTS)[number];

/** Who works on a turn. `shell`: nobody but the workspace's own, whose prompt is one command line. */
export type TurnWorker = CodingAgent | 'shell';

/** What a coding agent may do in a workspace without asking anybody. */
export interface TaskPolicy {
  /** Kinds of tools (`read`, `edit`, …), or command lines, each as it is run. What is in neither list asks. */
  allow: string[];
  /** The same; these win, and are refused without asking. */
  deny: string[];
}

/** One prompt of a task, as the bot wants it. Its place in the task is for ever. */
export interface DesiredTurn {
  workspace: string;
  task: string;
  /** From 1. They are worked on in this order, one at a time in a workspace. */
  turn: number;
  agent: TurnWorker;
  /** The whole of what a person wrote, and of what surrounds it marked as such. */
  prompt: string;
  policy: TaskPolicy;
  /** Then it is ended, as failed. */
  minutes: number;
  /** US dollars that it may cost; absent: as much as it does. Newer bots say it. */
  budgetUsd?: number;
  desired: 'done' | 'cancelled';
  /** What people have said to the turn's questions, by `request`. */
  decisions: { request: string; decision: Decision }[];
}

/** `always`: for the rest of this task. */
export type Decision = 'allow' | 'always' | 'deny';

export interface PlanEntry {
  content: string;
  status: 'pending' | 'in_progress' | 'completed';
}

/** Why a turn has no answer. */
export const TURN_FAILURES = [
  /** The node has none for its system, or could not bring it. */
  'no-coding-agent',
  /** Its container was made without what the node brings into one. */
  'container-outdated',
  /** Its container's image has no C library that the coding agent was made for. */
  'container-unfit',
  /** It ended, or could not be talked to. */
  'coding-agent-broken',
  /** The workspace's owner has left no key, or one that is refused. */
  'no-model-key',
  /** The models answered with a limit or an error of theirs. */
  'model-unavailable',
  /** The agent, or the workspace, was restarted in the middle. */
  'interrupted',
  /** It took longer than its `minutes`. */
  'turn-late',
  /** It has cost its `budgetUsd`. */
  'budget-spent',
] as const;
export type TurnFailure = (typeof TURN_FAILURES)[number];

/** What came of a turn in the checkout. */
export interface TurnChanges {
  branch?: string;
  /** Files that differ from the turn's beginning, at most 100 of them. */
  files: { path: string; added: number; removed: number }[];
  /** Of them all. */
  count: number;
}

/** How a command line ended, and what there was of its output. */
export interface CommandExit {
  /** Neither: it was ended by us. */
  code?: number;
  signal?: string;
  /** Lines that it wrote. */
  lines: number;
  /** Bytes of them that nobody keeps: those between `head` and `tail`. */
  skipped: number;
}

/** What happens in a turn. */
export type TurnHappening =
  | { kind: 'started' }
  /** A piece of what the coding agent says, or a command line writes (`head`, `tail`); pieces of one `message` belong together. */
  | { kind: 'text'; message: string; text: string }
  /** The whole plan, each time. */
  | { kind: 'plan'; entries: PlanEntry[] }
  /** A tool, each time as much as is new of it. `tool` is what kind: `read`, `edit`, `execute`, … */
  | { kind: 'tool'; call: string; tool: string; title: string; status: 'running' | 'done' | 'failed' }
  /** It may not do this unasked; the answer comes with the turn's `decisions`. No answer within `minutes` is a no. */
  | { kind: 'question'; request: string; tool: string; title: string; minutes: number }
  | { kind: 'decided'; request: string; decision: Decision | 'late' | 'cancelled' }
  /**
   * Money of the task so far, as the coding agent counts it. `isNew`: the count began at nothing since it was said last, as that of a
   * new conversation does; newer agents say it.
   */
  | { kind: 'cost'; amount: string; currency: string; isNew?: true }
  | {
      kind: 'ended';
      outcome: 'done' | 'cancelled' | 'failed';
      failure?: { code: TurnFailure; said?: string };
      /** The last message, whole; of a command line the last lines of its output. At most 64 KiB. */
      answer: string;
      /** Of a command line that was begun. */
      exit?: CommandExit;
      changes?: TurnChanges;
    };

/** In order within a task; nothing comes after a turn's `ended` but the next turn. */
export interface TaskEvent {
  workspace: string;
  task: string;
  turn: number;
  /** From 1 in the task, without a gap. */
  seq: number;
  /** ms since 1970 on the node's clock. */
  at: number;
  event: TurnHappening;
}

/** Work of a workspace that somebody wants on a branch of the repository. */
export interface DesiredPush {
  workspace: string;
  /** The answer repeats it. */
  id: string;
  /** Without `refs/heads/`. Nobody's work there is overwritten. */
  branch: string;
  /** For what nobody has committed: the commit's first line. */
  subject: string;
  /** Whose commit that is; absent: Sam's own. */
  author?: GitIdentity;
  /** Which coding agent worked on it, too. */
  agent?: CodingAgent;
}

/** Why work was not pushed. */
export const PUSH_FAILURES = [
  /** There is nothing that the repository does not have. */
  'nothing-changed',
  /** A merge or a rebase is in the middle. */
  'unfinished',
  /** `said`: a file that a program of the repository's own has to convert first (large files). */
  'filtered',
  /** The branch has commits that what is checked out has not. */
  'diverged',
  /** A rule of the repository forbids it. */
  'protected',
  /** There is no right to push, or no password. */
  'denied',
  /** The host said no to what was pushed. */
  'refused',
  'unreachable',
  /** Git failed. */
  'git-failed',
] as const;
export type PushFailure = (typeof PUSH_FAILURES)[number];

/** `subject`: of the newest commit. */
export type PushResult =
  | { commit: string; subject: string }
  | { failure: { code: PushFailure; said?: string } };

export interface Load {
  /** Of all cores, 0 to 1, over the last minute. */
  cpu: number;
  /** Of all memory, 0 to 1. */
  memory: number;
}

export interface LogLine {
  workspace: string;
  /** ms since 1970 on the node's clock. */
  at: number;
  step: string;
  text: string;
}

export type AgentMessage =
  /** First after each connect: everything this node has. */
  | {
      type: 'hello';
      protocol: number;
      version: string;
      now: number;
      /** The loopback port of the terminal server; only a local node says it. */
      terminalPort?: number;
      workspaces: WorkspaceReport[];
    }
  /** What changed since; each workspace whole. */
  | { type: 'report'; now: number; workspaces: WorkspaceReport[]; load?: Load }
  | { type: 'log'; id: number; lines: LogLine[] }
  /** Git wants a password for the workspace's own repository; the answer repeats `ref`. */
  | { type: 'git-token'; ref: number; workspace: string; operation: GitOperation }
  /** A model is asked: which key is its owner's at this moment? The answer repeats `ref`. */
  | { type: 'credential'; ref: number; workspace: string; provider: ModelProvider }
  /** What happens in tasks. Sent until `task-events-stored` says that it is in the database; then the agent may forget it. */
  | { type: 'task-events'; events: TaskEvent[] }
  /** A command in a terminal that took long has ended, while nobody typed there; `id` is of this one alone. Only where it is wanted. */
  | { type: 'command-ended'; workspace: string; id: string; ms: number; code?: number }
  /** What came of a wish for a push; said again whenever it is wished again. */
  | { type: 'pushed'; workspace: string; id: string; result: PushResult };

export type BotMessage =
  /** First after each connect (`all`), then what changed. What is not named is left alone, never deleted. */
  | {
      type: 'desired';
      all: boolean;
      workspaces: DesiredWorkspace[];
      /** With `all`: the agent that the bot has to give; another one than that replaces itself. */
      agent?: { version: string };
      /** With `all`: where the bot is now, which may be elsewhere than at the bootstrap. Newer bots say it. */
      settings?: Trusted & { environments?: EnvironmentSettings };
      /** With `all`: where models are. Newer bots say it. */
      models?: ModelServices;
      /** With `all`: the registry of npm that coding agents come from. */
      packages?: string;
    }
  /** The log lines up to this id are in the database; the agent may forget them. */
  | { type: 'logged'; id: number }
  /** Drop viewers of this workspace whose ticket has a lower `access`. */
  | { type: 'revoke'; workspace: string; access: number }
  | ({ type: 'git-token'; ref: number } & (GitToken | { error: GitRefusal }))
  | ({ type: 'credential'; ref: number } & ({ value: string } | { error: KeyRefusal }))
  /** The owner's keys are others now: what an agent holds of them is worth nothing any more. */
  | { type: 'credentials-changed' }
  /** Turns that have not ended: all of them after each connect, then what changed. What is not named is left alone. */
  | {
      type: 'turns';
      turns: DesiredTurn[];
      /** What is to be pushed, each between two turns of its workspace: all after each connect, then what is new. */
      pushes?: DesiredPush[];
    }
  /** The events of this task up to this number are in the database. */
  | { type: 'task-events-stored'; task: string; seq: number };

/** How workspaces are made. */
export interface EnvironmentSettings {
  /** `host`: no containers, whatever the node has. */
  runtime: 'auto' | 'host';
  /** For repositories that describe none; absent: the agent's own. */
  defaultImage?: string;
}

/** Whose pages may open terminals, with whose tickets. */
export interface Trusted {
  /** The one Origin that may open terminals. */
  origin: string;
  /** Where the keys of tickets are. */
  jwks: string;
  issuer: string;
}

/** The answer of `POST /api/bootstrap` and `POST /agent/token`. */
export interface Bootstrap {
  node: string;
  /** For `Authorization: Bearer …` on everything an agent calls; lives `settings.tokenLifeMs`. */
  token: string;
  /** The WebSocket URL to dial. */
  connect: string;
  settings: Trusted & {
    tokenLifeMs: number;
    /** Whether the terminal listens on loopback behind the bot, or with its own certificate. */
    terminal: 'loopback' | 'tls';
    /** Whether each workspace has a unix user of its own; absent: all run as the agent's. */
    users?: 'own' | 'per-workspace';
  };
}
