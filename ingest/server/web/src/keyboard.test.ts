import { expect, it } from 'vitest';
import { commandOf, neighbour } from './keyboard.ts';

const press = (key: string, change = {}) => ({ key, modified: false, typing: false, ...change });

it('knows its keys', () => {
  expect(commandOf(press('j'))).toEqual({ kind: 'station', by: 1 });
  expect(commandOf(press('k'))).toEqual({ kind: 'station', by: -1 });
  expect(commandOf(press('a'))).toEqual({ kind: 'ack' });
  expect(commandOf(press('?'))).toEqual({ kind: 'help' });
  expect(commandOf(press('6'))).toEqual({ kind: 'window', index: 5 });
  expect(commandOf(press('7'))).toBeNull();
});

it('leaves letters to fields, and combinations to the browser', () => {
  expect(commandOf(press('a', { typing: true }))).toBeNull();
  expect(commandOf(press('l', { modified: true }))).toBeNull();
});

it('walks a list and stops at its ends', () => {
  const list = ['a', 'b', 'c'];
  expect(neighbour(list, null, 1)).toBe('a');
  expect(neighbour(list, 'gone', -1)).toBe('a');
  expect(neighbour(list, 'b', 1)).toBe('c');
  expect(neighbour(list, 'c', 1)).toBe('c');
  expect(neighbour(list, 'a', -1)).toBe('a');
  expect(neighbour([], 'a', 1)).toBeUndefined();
});
