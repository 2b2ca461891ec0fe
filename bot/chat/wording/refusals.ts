// The sentences that say why a command was not run, and what to say instead. Pure; each says commands by `say` alone.
import type { ParseCodes, RefusalCodes } from '../../codes.ts';
import { plain } from '../../commands/parser/format.ts';
import { wordExceeded, wordRaise, wordWayOn } from './maxima.ts';
import { describeLoss } from './notices.ts';
import { AGENT_NAMES, shown, whoRuns, type Say, type Words, type Wording } from './words.ts';

type Refusals = Omit<RefusalCodes, keyof ParseCodes>;
type Some = Partial<Wording<Refusals>>;

const short = (commit: string): string => commit.slice(0, 7);

const marked = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

const WHICH = {
  which: ({ names, verb }, say) => ({
    text: `You have ${names.length} workspaces here: ${marked(names)}. Say which: ${say(`${verb} ${names[0] ?? 'NAME'}`)}.`,
  }),
  whose: ({ found, verb }, say) => ({
    text: `${found.length} people have a workspace of that name: ${found.map(({ id, owner }) => `\`${id}\` of \`${plain(owner)}\``).join(', ')}. Say whose: ${say(`${verb} ${found[0]?.id ?? 'ID'}`)}.`,
  }),
  'no-workspace': noWorkspace,
  'which-node': (_, say) => ({
    text: `Say which machine: ${say('node rm vm-abcdefghijkl')}; to have one made: ${say('node new')}. All yours: ${say('nodes')}.`,
  }),
  'no-node': ({ name, isAnybodys }, say) => ({
    text: isAnybodys
      ? `There is no machine ${shown(name)}, or Sam knows that it is gone.`
      : `You have no machine ${shown(name)}. All yours: ${say('nodes')}.`,
  }),
  'no-orphan': ({ name }, say) => ({
    text: `Nothing in doubt is called ${shown(name)}. All: ${say('nodes --orphans')}.`,
  }),
  ambiguous: ({ name, ids }) => ({
    text: `There is more than one ${shown(name)}. Say which by its id: ${marked(ids)}.`,
  }),
  'not-adoptable': ({ name }, say) => ({
    text: `${shown(name)} is no machine that this installation knows, so nothing could use it. To delete it: ${say(`node rm ${name} --orphan`)}.`,
  }),
} satisfies Some;

function noWorkspace(details: RefusalCodes['no-workspace'], say: Say): Words {
  if ('name' in details)
    return {
      text: `There is no workspace ${shown(details.name)} here that you can see. All yours: ${say('list')}.`,
    };
  switch (details.why) {
    case 'none-here':
      return { text: `You have no workspace here. Make one: ${say('up')}.` };
    case 'none-yet':
      return { text: `You have no workspace yet. Make one: ${say('up owner/name')}.` };
    case 'none-such':
      return {
        text: `You have no workspace for that. All yours: ${say('list')}. A new one: ${say('up owner/name')}.`,
      };
    default:
      return details.why satisfies never;
  }
}

const STATES = {
  deleting: ({ name }, say) => ({
    text: `\`${name}\` is being deleted, and nothing brings it back. Make a new one: ${say('up')}.`,
  }),
  dirty: ({ work, name, isOwn }, say) => ({
    text: `${describeLoss(work)} ${isOwn ? 'Commit and push it' : 'It is not your work: ask its owner'}, or delete it all the same: ${say(`rm ${name} --force`)}.`,
  }),
  'never-idle': ({ name }, say) => ({
    text: `Workspaces here never stop by themselves (\`IDLE_TIMEOUT=0\`), so there is nothing to extend. When you are done: ${say(`stop ${name}`)}.`,
  }),
  'not-running': ({ name, phase, next }, say) => ({
    text: `\`${name}\` ${phase === 'failed' ? 'has failed' : `is ${phase}`}, so there is nothing to open. Next: ${say(`${next} ${name}`)}.`,
  }),
  'not-failed': ({ name, phase }, say) => ({
    text: `\`${name}\` has not failed; it is ${phase}. To begin anew: ${say(`restart ${name}`)}.`,
  }),
  'name-taken': ({ name, line }, say) => ({
    text: `You already have a workspace called \`${name}\`. Take another name: ${say(line)}.`,
  }),
  'nodes-not-kept': (_, say) => ({
    text: `Here no machine waits for a workspace (\`NODE_WARM=0\`). Say ${say('up')}: its machine is made with it.`,
  }),
  'node-before-workspace': (_, say) => ({
    text: `A machine is made ahead for those who have a workspace. Begin with ${say('up')}: its machine is made with it.`,
  }),
  'node-in-use': ({ name, workspaces }, say) => ({
    text:
      workspaces.length === 0
        ? `There are workspaces on \`${name}\`, of other repositories than this one. Delete what you do not need first; where only you read it, this shows them: ${say('list')}.`
        : `On \`${name}\` there ${workspaces.length > 1 ? 'are' : 'is'} ${marked(workspaces)}. Delete what you do not need first: ${say(`rm ${workspaces[0] ?? 'NAME'}`)}.`,
  }),
  'over-limit': ({ admins, ...exceeded }, say) => ({
    text: [wordExceeded(exceeded), wordWayOn(exceeded, say), wordRaise(exceeded, say, admins)]
      .filter(Boolean)
      .join(' '),
  }),
  'limit-how': ({ kind }, say) => ({
    text: `A limit is ${kind === 'size' ? '`small`, `medium` or `large`' : 'a number'}, \`unlimited\`, or \`default\`: ${say(`limit @user ${kind}=${kind === 'size' ? 'large' : '5'}`)}.`,
  }),
  'limit-whom': ({ word }, say) => ({
    text: `I know nobody called ${shown(word)}. Say whose limit: ${say('limit @user machines=5')}, ${say('limit owner/name machines=5')}, or in a channel ${say('limit here machines=5')}.`,
  }),
} satisfies Some;

const ASKED = {
  person: 'You have asked',
  repository: 'This repository was asked',
  channel: 'This channel has asked',
};

const RIGHTS = {
  forbidden: (details, say) => ({
    text:
      'label' in details
        ? `${say(details.verb)} needs **${details.needed}** on \`${details.label}\`; you have **${details.has}**. ${details.needed === 'admin' ? 'An administrator' : 'A maintainer'} can run it for you.`
        : `${say(details.verb)} is for those who maintain the repository (the role maintain or admin). Yours: ${say('list')}.`,
  }),
  'needs-maintainer': ({ flag, label, has, line }, say) => ({
    text: `\`--${flag}\` needs **maintain** or **admin** on \`${label}\`; you have **${has}**. Ask one who has it to say: ${say(line)}.`,
  }),
  'not-admin': ({ admins, isPublic }, say) => ({
    text: isPublic
      ? `That is for those who run Sam, and not where everybody reads along. Say it in Slack or at the console. What works here: ${say('help')}.`
      : `That is for ${whoRuns(admins).replace(/,$/, '')}. What is yours: ${say('list')}.`,
  }),
  'not-connected': () => ({
    text: 'I do not know yet who you are on GitHub, and what you may do here is what you may do there.',
  }),
  'not-here': ({ verb }, say) => ({
    text: `${say(verb)} is for the channels that were chosen for it (SLACK_ALLOWED_CHANNELS), and this is none of them. What works here: ${say('help')}.`,
  }),
  'no-connection': ({ word }, say) => ({
    text: `I cannot connect you with ${shown(word)}. Your keys of Claude and others: ${say('connect claude')}.`,
    next: 'connect claude',
  }),
  'tokens-elsewhere': (_, say) => ({
    text: `Everybody reads along here, so I make and show no tokens here. Say it in Slack or at the console, where I answer you alone: ${say('token new NAME --for 90d')}.`,
  }),
  'token-how': (_, say) => ({
    text: `A token has a name, and lives for a while: ${say('token new ci --for 90d')}. To end it: ${say('token rm ci')}. All yours: ${say('tokens')}.`,
  }),
  'token-taken': ({ name }, say) => ({
    text: `You already have a token called \`${name}\`. Take another name, or end that one first: ${say(`token rm ${name}`)}.`,
  }),
  'no-token': ({ name }, say) => ({
    text: `You have no token ${shown(name)}. All yours: ${say('tokens')}.`,
  }),
  'no-channel': (_, say) => ({ text: `That is for channels. What works here: ${say('help')}.` }),
  private: ({ line }, say) => ({
    text: `That repository is private, and this one is for everybody to read, so I show nothing of it here. Say it in a pull request or issue over there: ${say(line)}.`,
  }),
  'not-nameable': (_, say) => ({
    text: `The answer names what you have elsewhere, and not everybody who reads this may know of it. Ask where only you read the answer, or about this repository: ${say('list')}.`,
  }),
  'not-public': (_, say) => ({
    text: `That is not for everybody to read, so I do not show it in a public repository. Open the terminal from the card and look there: ${say('open')}.`,
  }),
  'too-often': ({ most, whom }, say) => ({
    text: most
      ? `That was more than ${most} commands in an hour, the most that I take from one ${whom}. Say it again in a while; until then the card shows where things stand.`
      : `In the last hour you have said as much as I take in an hour. Wait a while, then say it again: ${say('status')}.`,
  }),
} satisfies Some;

const SHARING = {
  'share-whom': ({ verb, name, shared }, say) => ({
    text:
      verb === 'share'
        ? `Say with whom: ${say(`share ${name} @login --view --for 2h`)}.`
        : `Say who shall not be let into \`${name}\` any more: ${say(`unshare ${name} @login`)}. ${sharedWith(shared)}`,
  }),
  'share-self': (_, say) => ({
    text: `It is yours, so you are let in anyway. Somebody else: ${say('share @login --view')}.`,
  }),
  'share-nowhere': ({ name }, say) => ({
    text: `I let in only people who may read the repository, and nobody can say who may read that of \`${name}\`. For yourself: ${say(`open ${name}`)}.`,
  }),
  'no-person': ({ typed, in: where }, say) => ({
    text: `I find nobody called ${shown(typed)} on ${where}. Choose them as people are mentioned there: ${say('share @login')}.`,
  }),
  'person-unconnected': ({ forge }, say) => ({
    text: `I do not know yet who that is on ${forge}, and so not what they may read. They can connect first: ${say('connect')}. Then say it again.`,
  }),
  'person-forbidden': ({ person, label }) => ({
    text: `\`${plain(person)}\` may not read \`${label}\`, so I let them into no workspace of it. A maintainer of it can give them access; then say it again.`,
  }),
  'shares-full': ({ name, most }, say) => ({
    text: `\`${name}\` is shared with ${most} people already, the most that may be. End one: ${say(`unshare ${name} @login`)}.`,
  }),
  'not-shared': ({ name, typed, shared }, say) => ({
    text: `\`${name}\` is not shared with ${shown(typed)}. ${sharedWith(shared)} How it stands: ${say(`status ${name}`)}.`,
  }),
  'look-only': ({ name }, say) => ({
    text: `\`${name}\` is shared with you to look, and that would take typing. Its owner can say ${say(`share ${name} @you --drive`)}. To look: ${say('open')}.`,
  }),
} satisfies Some;

const sharedWith = (people: readonly string[]): string =>
  people.length === 0
    ? 'It is shared with nobody.'
    : `It is shared with ${marked(people.map((one) => plain(one)))}.`;

const ASKING = {
  'no-model-key': ({ agent }, say) => ({
    text: `${AGENT_NAMES[agent ?? 'claude']} needs a key, and you have left none ${agent ? 'for it ' : ''}with Sam. It brings a private link to the page for it: ${say('connect claude')}. Then say again what you want done.`,
    next: 'connect claude',
  }),
  'costs-unknown': ({ agent }, say) => ({
    text: `${AGENT_NAMES[agent]} does not say what it costs, and whoever runs Sam has set a maximum (\`MAX_COST_PER_TURN\`, \`MAX_COST_PER_TASK\`, \`MAX_COST_PER_MONTH\`), so it is asked nothing here. Another one works: ${say('ask --agent claude …')}.`,
  }),
  'no-asking-forks': ({ name }, say) => ({
    text: `\`${name}\` has the code of a fork, and whoever sent that must not spend your key, so nothing is asked there. In a branch of the repository itself it works: ${say('ask')}.`,
  }),
  'queue-full': ({ name, most }, say) => ({
    text: `${most} prompts wait in \`${name}\` already, the most that may. Say it again when some are done, or end them: ${say('cancel --all')}.`,
  }),
  'month-spent': ({ most }, say) => ({
    text: `What you asked this month has cost ${most}, the most that a person may spend (\`MAX_COST_PER_MONTH\`, which whoever runs Sam can raise). It begins anew with the next month; a terminal works all the same: ${say('open')}.`,
  }),
  'conversation-over': (_, say) => ({
    text: `That conversation has ended: it went in circles, or cost what one may. What you ask elsewhere begins a new one: ${say('ask')}.`,
  }),
  'no-proposing-forks': ({ name }, say) => ({
    text: `\`${name}\` has the code of a fork, and nothing of that is pushed with your rights. In a branch of the repository itself it works: ${say('up')}.`,
  }),
  'no-proposing-here': ({ name }, say) => ({
    text: `The repository of \`${name}\` is not where I can open pull requests. Push from its terminal: ${say(`open ${name}`)}.`,
  }),
  'too-many-asks': ({ most, whom = 'person', called, admins }, say) => {
    const exceeded = { holder: whom, called: called ?? '', kind: 'tasks', most, has: most } as const;
    const raise = called === undefined ? '' : wordRaise(exceeded, say, admins);
    return {
      text: `${ASKED[whom]} ${most} times in an hour, which is the most. ${wordWayOn(exceeded, say)} ${raise}`.trim(),
    };
  },
  'no-review-comment': (_, say) => ({
    text: `${say('here')} works in a reply to a review comment of a pull request on GitHub: it opens a workspace at the lines that the comment is about. Anywhere else say ${say('up')}.`,
  }),
  'here-outdated': ({ commit, head }, say) => ({
    text: `This comment is about \`${commit.slice(0, 7)}\`, and the pull request comes from a fork, of which only its head \`${head.slice(0, 7)}\` can be let in. For that one: ${say('up')}.`,
    next: 'up',
  }),
  'nothing-asked': (_, say) => ({
    text: `Nothing is running here. To have something done: ${say('ask …')}.`,
  }),
  'no-question': (_, say) => ({
    text: `Nothing waits for an answer here. How it stands: ${say('status')}.`,
  }),
  'which-question': ({ verb, numbers }, say) => ({
    text: `${numbers.length} questions wait: ${numbers.join(', ')}. Say which: ${say(`${verb} ${numbers[0] ?? 1}`)}.`,
  }),
  'answered-question': ({ number, by }, say) => ({
    text: `Question ${number} was answered already by \`${plain(by)}\`. How it stands: ${say('status')}.`,
  }),
} satisfies Some;

const REPOSITORIES = {
  'which-repository': ({ verb }, say) => ({
    text: `Which repository? For example ${say(`${verb} owner/name`)}.`,
  }),
  'no-repository': ({ label }, say) => ({
    text: `There is no repository \`${label}\` that I can see. If it is there, install the App on it. What I can do: ${say('help')}.`,
  }),
  'no-thread': ({ label, number }, say) => ({
    text: `There is no pull request or issue \`#${number}\` in \`${label}\`. What I can do: ${say('help')}.`,
  }),
  'thread-closed': ({ isPullRequest, label, branch }, say) => ({
    text: `This ${isPullRequest ? 'pull request' : 'issue'} is closed, so I start nothing for it. Reopen it, or take a branch: ${say(`up ${label}@${branch}`)}.`,
  }),
  'no-github': ({ label }, say) => ({
    text: `Pull requests need the GitHub App (README: fronts). Name the branch instead: ${say(`up ${label}@BRANCH`)}.`,
  }),
  'not-a-repository': ({ path }, say) => ({
    text: `${path} is not a git repository. Go to one, or name one: ${say('up owner/name')}.`,
  }),
  'no-commit': ({ path }) => ({
    text: `${path} has no commit yet, so there is nothing to clone. Commit something first: \`git commit\`.`,
  }),
  'no-git': () => ({ text: 'Git is not installed here. Install it, for example `apt install git`.' }),
  'not-owned': ({ path }) => ({
    text: `${path} belongs to another user, so git will not read it. Allow it: \`git config --global --add safe.directory ${path}\`.`,
  }),
  'no-folder': ({ path, folder, ref }, say) => ({
    text: `There is no folder ${path}. ${ref === undefined ? `A repository elsewhere: ${say('up owner/name')}` : `A branch of a folder: ${say(`up ${folder} --ref ${ref}`)}`}.`,
  }),
  'names-workspace': (_, say) => ({
    text: `That names a workspace, not a repository. All yours: ${say('list')}.`,
  }),
} satisfies Some;

const FORKS = {
  'fork-closed': ({ from, label, branch }, say) => ({
    text: `${comesFrom(from)} Push its branch to \`${label}\`, and then: ${say(`up ${label}@${branch}`)}.`,
  }),
  'fork-ref': ({ label }, say) => ({
    text: `On a pull request from a fork there is nothing but its own commit. A branch of \`${label}\`: ${say(`up ${label}@BRANCH`)}.`,
  }),
  'fork-untrusted': ({ from, head, topic }, say) => ({
    text: `${comesFrom(from)} A maintainer who has read \`${short(head)}\` can start it without any: ${letIn(head, topic, say)}.`,
  }),
  'fork-moved': ({ name, head, trusted, topic }, say) => ({
    text: `Somebody pushed to the fork of \`${name}\`: its pull request is at \`${short(head)}\`, and a maintainer let in \`${short(trusted)}\`. One who has read it can go on: ${letIn(head, topic, say)}.`,
  }),
  'fork-unseen': ({ name, topic }, say) => ({
    text: `\`${name}\` is of a fork, and I cannot see where its pull request \`${topic}\` stands now, so nothing of it starts. If it is there, see that the App may read it, and then: ${say(`start ${name}`)}.`,
  }),
  'other-head': ({ typed, head, topic }, say) => ({
    text: `\`${short(typed)}\` is not the head of this pull request; that is \`${short(head)}\` now. If you have read it: ${letIn(head, topic, say)}.`,
  }),
  'no-fork': (_, say) => ({
    text: `\`--trust-fork\` is for a pull request from a fork, and this is none. Without it: ${say('up')}.`,
  }),
} satisfies Some;

const comesFrom = (fork = 'deleted'): string =>
  `This pull request comes from a fork (\`${fork}\`), so I won't run its code with your credentials.`;

/** `topic` absent: it is said there. */
const letIn = (head: string, topic: string | undefined, say: Say): string =>
  say(`up ${topic === undefined ? '' : `${topic} `}--trust-fork ${head}`);

const GIT = {
  'no-app': ({ repository }) => ({
    text: `Sam's App is not installed on ${repository}, so it has no password for it. Ask an owner of it to install the App, then try again.`,
  }),
  'no-access': ({ login, repository }) => ({
    text: `${login} may not read ${repository} (any more). Ask a maintainer of it for access, then try again.`,
  }),
  'no-push': ({ login, repository, role }) => ({
    text: `${login} may not push to ${repository}: that needs write, and you have ${role}. Ask a maintainer of it; your commits are safe here.`,
  }),
  'no-permission': ({ repository, missing }) => ({
    text: `Sam's App may not do that on ${repository}: it needs ${missing}. Ask an owner of it to accept the App's permissions, then try again.`,
  }),
  'no-credentials': () => ({
    text: 'Sam has no password for this repository. Use your own: `git push` asks for it.',
  }),
} satisfies Some;

const FRONTS = {
  'app-lacks': ({ permission, page }) => ({
    text: `I could not do that: my GitHub App was not given ${permission === undefined ? 'a permission' : `the permission **${permission}**`} on this repository. Whoever administers it can accept it${page ? `: ${page}` : " in the settings of the App's installation"}. Then say it again.`,
  }),
  edited: ({ line }, say) => ({
    text: `I run no edits, so that nobody can make a comment mean something else afterwards. Say it in a new one: ${say(line)}.`,
  }),
  'no-form': ({ about }, say) => ({
    text: `The form did not open; Slack gives only three seconds for it. Try it again, or say it in a channel: ${say(`up ${about || 'owner/name'}`)}.`,
  }),
  'no-button': (_, say) => ({ text: `I know no such button. What works: ${say('help')}.` }),
  'no-ports-domain': (_, say) => ({
    text: `Ports have no address here: whoever runs Sam has to give them a domain of their own (\`PORTS_DOMAIN\`, docs/ports.md). Meanwhile there is the terminal: ${say('open')}.`,
  }),
  internal: ({ ref }) => ({
    text: `Something broke on our side (ref ${ref}). Say it again; if it breaks again, the log of the bot has the reason under that reference.`,
  }),
} satisfies Some;

export const REFUSALS: Wording<Refusals> = {
  ...WHICH,
  ...STATES,
  ...RIGHTS,
  ...SHARING,
  ...ASKING,
  ...REPOSITORIES,
  ...FORKS,
  ...GIT,
  ...FRONTS,
};
