// Forms in Slack: a new workspace, another name, a question before something is deleted. Pure; opens and reads nothing.
import type { Work } from '../../../../agent/protocol.ts';
import { code, cut } from '../mrkdwn.ts';
import { sectionOf, type Block } from '../render.ts';

export interface FormView {
  type: 'modal';
  callback_id: string;
  title: PlainText;
  submit?: PlainText;
  close: PlainText;
  private_metadata: string;
  blocks: (Block | Input)[];
}

interface PlainText {
  type: 'plain_text';
  text: string;
}

interface Option {
  text: PlainText;
  value: string;
}

interface Input {
  type: 'input';
  block_id: string;
  label: PlainText;
  hint?: PlainText;
  optional?: boolean;
  element:
    | {
        type: 'plain_text_input';
        action_id: string;
        initial_value?: string;
        max_length?: number;
        placeholder?: PlainText;
      }
    | {
        type: 'external_select';
        action_id: string;
        min_query_length: number;
        initial_option?: Option;
        placeholder?: PlainText;
      }
    | { type: 'static_select'; action_id: string; options: Option[]; placeholder?: PlainText };
}

/** Slack takes 75 characters of an option. */
export const MAX_OPTION = 75;

const plainText = (text: string): PlainText => ({ type: 'plain_text', text });
export const optionOf = (text: string): Option => ({
  text: plainText(cut(text, MAX_OPTION)),
  value: text.slice(0, 150),
});

const modal = (
  name: string,
  title: string,
  submit: string | undefined,
  metadata: string,
  blocks: FormView['blocks'],
): FormView => ({
  type: 'modal',
  callback_id: name,
  title: plainText(title),
  ...(submit ? { submit: plainText(submit) } : {}),
  close: plainText('Cancel'),
  private_metadata: metadata,
  blocks,
});

interface Offered {
  repository: string | undefined;
  /** There is a GitHub App whose repositories can be offered. */
  canSearch: boolean;
  /** Those of the repository, where several are known. */
  configurations: string[];
}

const MAX_CONFIGURATIONS = 50;

const configurationOf = (repository: string, names: string[]): Input => ({
  type: 'input',
  block_id: 'config',
  label: plainText('Container configuration'),
  hint: plainText(cut(`Of ${repository}, as your last workspace of it found them.`, 150)),
  optional: true,
  element: {
    type: 'static_select',
    action_id: 'config',
    options: names.slice(0, MAX_CONFIGURATIONS).map(optionOf),
    placeholder: plainText('the first'),
  },
});

export const renderNew = (metadata: string, { repository, canSearch, configurations }: Offered): FormView =>
  modal('new', 'New workspace', 'Start it', metadata, [
    {
      type: 'input',
      block_id: 'repository',
      label: plainText('Repository'),
      ...(canSearch ? { hint: plainText('Those that you may write to, and where the GitHub App is.') } : {}),
      element: canSearch
        ? {
            type: 'external_select',
            action_id: 'repository',
            min_query_length: 0,
            ...(repository ? { initial_option: optionOf(repository) } : {}),
            placeholder: plainText('owner/name'),
          }
        : {
            type: 'plain_text_input',
            action_id: 'repository',
            max_length: 200,
            ...(repository ? { initial_value: repository } : {}),
            placeholder: plainText('owner/name'),
          },
    },
    {
      type: 'input',
      block_id: 'branch',
      label: plainText('Branch, tag or commit'),
      optional: true,
      element: {
        type: 'plain_text_input',
        action_id: 'branch',
        max_length: 200,
        placeholder: plainText('its default branch'),
      },
    },
    {
      type: 'input',
      block_id: 'size',
      label: plainText('Size'),
      optional: true,
      element: {
        type: 'static_select',
        action_id: 'size',
        options: ['small', 'medium', 'large'].map(optionOf),
        placeholder: plainText('as the repository says'),
      },
    },
    ...(repository && configurations.length > 1 ? [configurationOf(repository, configurations)] : []),
  ]);

/** `name` undefined: it is not theirs, and what it is called is not theirs to read. */
export const renderRename = (metadata: string, name: string | undefined): FormView =>
  modal('rename', 'Rename', 'Rename', metadata, [
    {
      type: 'input',
      block_id: 'name',
      label: plainText('New name'),
      hint: plainText('a-z, 0-9 and hyphens. Its links stay.'),
      element: {
        type: 'plain_text_input',
        action_id: 'name',
        max_length: 100,
        ...(name ? { initial_value: name } : {}),
      },
    },
  ]);

/** `work`: what its machine last said would be lost; undefined: nothing that anybody knows of. */
export function renderDelete(metadata: string, name: string, work: Work | undefined): FormView {
  const lost = work ? listLoss(work) : '';
  const text = lost
    ? `${code(name)} and its files will be gone, and with them work that is nowhere else: *${lost}*. To keep it, cancel, then commit and push.`
    : `${code(name)} and its files will be gone. If something in it was not pushed, I say so first and delete nothing.`;
  return modal('rm', 'Delete', lost ? 'Delete all the same' : 'Delete', metadata, [sectionOf(text)]);
}

function listLoss({ changed, untracked, unpushed }: Work): string {
  const count = (number: number, what: string) =>
    number > 0 ? [`${number} ${what}${number === 1 ? '' : 's'}`] : [];
  return new Intl.ListFormat('en').format([
    ...count(changed, 'changed file'),
    ...count(untracked, 'new file'),
    ...count(unpushed, 'unpushed commit'),
  ]);
}

/** What there is instead of a form. `url` is ours. */
export const renderConnectFirst = (url: string): FormView =>
  modal('connect', 'First: who are you?', undefined, '', [
    sectionOf(
      `What you may do here is what you may do on GitHub. *<${url}|Connect your GitHub account>*, then come back. The link is for you alone, and works once, within 10 minutes.`,
    ),
  ]);
