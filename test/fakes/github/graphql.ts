// GraphQL, as far as Sam speaks it: the mutation minimizeComment and nothing else.
import type { Caller } from './callers.ts';
import { type Json, type World, allows, covers } from './model.ts';
import { commentNodeId } from './views/threads.ts';

const classifiers = ['ABUSE', 'DUPLICATE', 'LOW_QUALITY', 'OFF_TOPIC', 'OUTDATED', 'RESOLVED', 'SPAM'];

/** The answer's body; its status is 200 even for errors, as on GitHub. */
export function answerGraphql(world: World, caller: Caller, body: string): Json {
  const { query = '', variables = {} } = JSON.parse(body) as { query?: string; variables?: Json };
  const field = /\{\s*(?:\w+\s*:\s*)?(\w+)/.exec(query)?.[1];
  if (!/^\s*mutation\b/.test(query) || field !== 'minimizeComment') {
    return failure('undefinedField', `Field '${field ?? ''}' doesn't exist on type 'Mutation'`);
  }
  const input = readInput(query, variables);
  const classifier = String(input['classifier']);
  if (!classifiers.includes(classifier))
    return failure('argumentLiteralsIncompatible', 'classifier is invalid');
  const subject = input['subjectId'];
  const comment = world.comments.find((one) => commentNodeId(one) === subject && !one.deleted);
  if (!comment || !isVisible(caller, comment.thread.repository)) {
    return failure('NOT_FOUND', `Could not resolve to a node with the global id of '${String(subject)}'`);
  }
  if (!mayMinimize(caller)) return failure('FORBIDDEN', 'Resource not accessible by integration');
  comment.minimized = classifier;
  const minimizedComment = {
    isMinimized: true,
    minimizedReason: classifier.toLowerCase(),
    viewerCanMinimize: true,
  };
  return { data: { minimizeComment: { minimizedComment } } };
}

function readInput(query: string, variables: Json): Json {
  const whole = /input\s*:\s*\$(\w+)/.exec(query)?.[1];
  if (whole) return (variables[whole] ?? {}) as Json;
  const one = (name: string) => {
    const [, variable, text, word] =
      new RegExp(`${name}\\s*:\\s*(?:\\$(\\w+)|"([^"]*)"|(\\w+))`).exec(query) ?? [];
    return variable ? variables[variable] : (text ?? word);
  };
  return { subjectId: one('subjectId'), classifier: one('classifier') };
}

function isVisible(caller: Caller, repository: Parameters<typeof covers>[1]): boolean {
  if (caller.kind !== 'installation') return !repository.private;
  return covers(caller.installation, repository) && (caller.repositoryIds?.has(repository.id) ?? true);
}

function mayMinimize(caller: Caller): boolean {
  if (caller.kind !== 'installation') return false;
  return ['issues', 'pull_requests'].some((name) => allows(caller.permissions, name, 'write'));
}

const failure = (type: string, message: string): Json => ({ data: null, errors: [{ type, message }] });
