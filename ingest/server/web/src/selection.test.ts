import { expect, it } from 'vitest';
import { NOTHING, parseHash, printHash } from './selection.ts';

it('comes back from its own address', () => {
  const selection = { station: 'lao-cai-river-01', channel: 'water_level', window: '6h' } as const;
  expect(printHash(selection)).toBe('#/lao-cai-river-01/water_level/6h');
  expect(parseHash(printHash(selection))).toEqual(selection);
  const strange = { station: 'a/b %', channel: 'ồ', window: '1h' } as const;
  expect(parseHash(printHash(strange))).toEqual(strange);
});

it('is nothing, or the part that can be read, from any other address', () => {
  for (const hash of ['', '#', '#/']) expect(parseHash(hash)).toEqual(NOTHING);
  expect(parseHash('#/s')).toEqual({ ...NOTHING, station: 's' });
  expect(parseHash('#/s/c/9y')).toEqual({ ...NOTHING, station: 's', channel: 'c' });
  expect(parseHash('#/%E0%A4%A/c/1h').channel).toBe('c');
});
