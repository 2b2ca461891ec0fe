// What there is to say about a repository rather than about a workspace: its settings file is wrong, a permission is
// missing. Pure but for what was read before; asks nobody.
import type { GitHubApp } from '../../forges/github/app.ts';
import type { SettingsReader } from '../../forges/github/repository-settings.ts';

export interface NoteSources {
  app: Pick<GitHubApp, 'missingPermissions' | 'settingsUrl'>;
  settings: Pick<SettingsReader, 'known'>;
}

/** How many mistakes of a file are shown at once. */
const MAX_PROBLEMS = 3;

/** A line each, in our small Markdown. */
export function notesOn({ app, settings }: NoteSources, repository: string): string[] {
  const { problems } = settings.known(repository);
  const shown = problems.slice(0, MAX_PROBLEMS).join('; ');
  const more = problems.length - MAX_PROBLEMS;
  const lacks = app.missingPermissions.of(repository);
  const page = app.settingsUrl(repository);
  return [
    ...(shown ? [`⚠ \`.github/sam.yml\`: ${shown}${more > 0 ? `; and ${more} more` : ''}.`] : []),
    ...(lacks.length > 0
      ? [
          `⚠ The App lacks the permission **${lacks.join('**, **')}**, so some of what it shows is missing. Accept it${page ? `: ${page}` : ' in the settings of its installation.'}`,
        ]
      : []),
  ];
}
