// What a new workspace is called when nobody says how.
import { expect, test } from 'vitest';
import { chooseName } from '../../bot/workspaces/naming.ts';
import { isValidName } from '../../bot/commands/parser/names.ts';

const nameOf = (label: string, taken: string[] = []): string =>
  chooseName(undefined, { label }, new Set(taken), 'up');

test.for([
  ['acme/api', 'api'],
  ['Grüße Welt', 'grusse-welt'],
  ['Łódź_Ærø', 'lodz-aero'],
  ['café.js', 'cafe-js'],
  ['日本', 'workspace-ws'],
  ['4h', '4h-ws'],
])('a workspace of %s is called %s', ([label = '', name = '']) => {
  expect(nameOf(label)).toBe(name);
  expect(isValidName(name)).toBe(true);
});

test('a name that is taken gets a number', () => {
  expect(nameOf('acme/api', ['api', 'api-2'])).toBe('api-3');
});
