// Where a workspace's programs run, as its card says it. Knows no front and no row.
import type { DotfilesFailure, Environment } from '../../../agent/protocol.ts';
import { plain } from '../../commands/parser/format.ts';
import type { Say } from './words.ts';

interface EnvironmentWords {
  /** For the line that says what it is; no sentence. */
  where: string;
  /** What there is to know of it; empty: nothing. */
  more: string;
}

/** `name`: of the workspace. Undefined: nobody said. */
export function wordEnvironment(
  environment: Environment | undefined,
  name: string,
  say: Say,
): EnvironmentWords {
  if (environment === undefined) return { where: '', more: '' };
  return { where: whereOf(environment), more: moreOf(environment, name, say).join(' ') };
}

function whereOf({ runtime, configuration, isRecovery }: Environment): string {
  if (runtime === 'host') return 'on the host, which does not isolate';
  if (isRecovery) return 'in a container for repairs';
  return configuration === undefined
    ? 'in a container of the default image'
    : `in its container (\`${plain(configuration, 100)}\`)`;
}

function moreOf(
  { change, others = [], isRecovery, dotfiles }: Environment,
  name: string,
  say: Say,
): string[] {
  return [
    ...(isRecovery
      ? [
          `What is wrong stands in \`/var/log/sam/build.log\` there. Mend it in a terminal, then ${say(`restart ${name}`)}.`,
        ]
      : []),
    ...(change === 'rebuilt' ? ['Its configuration has changed, so its container was made anew.'] : []),
    ...(change === 'outdated'
      ? [
          `Its configuration has changed since its container was made: ${say(`restart ${name}`)} makes it anew.`,
        ]
      : []),
    ...(dotfiles
      ? [`${DOTFILES[dotfiles.code](dotfiles.exit)} The log says more: ${say(`logs ${name}`)}.`]
      : []),
    ...(others.length > 0
      ? [`It has other configurations, too: ${others.map((other) => `\`${plain(other, 60)}\``).join(', ')}.`]
      : []),
  ];
}

const DOTFILES: Record<DotfilesFailure['code'], (exit: number | undefined) => string> = {
  'clone-failed': () =>
    'Your dotfiles are not installed: their repository could not be cloned, which takes one that everybody may read.',
  'install-failed': (exit) =>
    exit === undefined || exit < 0
      ? 'Your dotfiles could not be installed.'
      : `The script that installs your dotfiles ended with code ${exit}.`,
  late: () => 'Your dotfiles took too long to install, so that was ended.',
};
