// What all that has to do with a workspace's containers works with, and the labels that say whose they are. Does nothing.
import type { RuntimeOptions } from '../runtime.ts';
import type { DefaultImage } from './default-image.ts';
import type { Engine } from './engine.ts';

export interface Containers extends RuntimeOptions {
  engine: Engine;
  image: DefaultImage;
  /** All attempts to make a container together. */
  deadlineMs: number;
  /** Before the second attempt; before the third four times as long. */
  retryMs: number;
}

export const NODE_LABEL = 'sam.node';
export const WORKSPACE_LABEL = 'sam.workspace';
/** `main` or `recovery`: the dev container program adopts what carries all the labels that it was told. */
export const ROLE_LABEL = 'sam.role';

export const labelsOf = ({ node }: Pick<Containers, 'node'>, workspace: string): Record<string, string> => ({
  [NODE_LABEL]: node,
  [WORKSPACE_LABEL]: workspace,
});
