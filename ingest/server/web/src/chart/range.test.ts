import { expect, it } from 'vitest';
import { valueRange } from './range.ts';

it('leaves a margin around the values', () => {
  expect(valueRange([10, 20, null], 1, false)).toEqual([9, 21]);
});

it('does not blow the last decimal place up to the whole height', () => {
  const [min, max] = valueRange([77.5, 77.51], 2, false);
  expect(max - min).toBeCloseTo(0.2);
  expect((max + min) / 2).toBeCloseTo(77.505);
});

it('starts amounts at zero, even when nothing fell', () => {
  expect(valueRange([2, 5], 2, true)[0]).toBe(0);
  expect(valueRange([0, 0], 2, true)[1]).toBeGreaterThan(0);
});

it('is a range even of nothing', () => {
  const [min, max] = valueRange([null], 2, false);
  expect(max).toBeGreaterThan(min);
});
