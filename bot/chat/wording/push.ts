// What a device says of a workspace while nobody looks at its page. Others may see that screen: no command, no question, no path.
import type { PushEvent, Workspace } from '../../database/types.ts';
import { formatSpan } from '../times.ts';

export function wordPush(
  event: PushEvent,
  { name }: Pick<Workspace, 'name'>,
): { title: string; body: string } {
  switch (event.kind) {
    case 'question':
      return { title: `${name} asks`, body: 'A coding agent waits for an answer.' };
    case 'command':
      return {
        title: event.code === undefined ? `${name}: ended` : `${name}: exit ${event.code}`,
        body: `A command ended after ${formatSpan(event.ms)}.`,
      };
    default:
      return event satisfies never;
  }
}
