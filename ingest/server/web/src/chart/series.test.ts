import { describe, expect, it } from 'vitest';
import type { Quality } from '../contract.ts';
import { extent, gapSeconds, MAX_POINTS, mergePoints, pointsOf, replaceTail, skipped, toColumns, type Point } from './series.ts';

const p = (t: number, value: number | null = t, quality: Quality = 1): Point => ({ t, value, quality });
const live = (t: number, value = t): Point => ({ t, value, quality: 1, live: true });
const every = (step: number, count: number, from = 0): Point[] =>
  Array.from({ length: count }, (_, i) => p(from + i * step));
const times = (points: readonly Point[]): number[] => points.map((x) => x.t);

describe('merging', () => {
  it('is in order of time, one point a moment, the newcomer wins', () => {
    const merged = mergePoints([p(1), p(2, 20), p(4)], [p(0), p(2, 21), p(3)], -Infinity);
    expect(times(merged)).toEqual([0, 1, 2, 3, 4]);
    expect(merged[2]?.value).toBe(21);
  });

  it('gives the same twice', () => {
    const once = mergePoints([p(1)], [p(2), p(3)], 0);
    expect(mergePoints(once, [p(2), p(3)], 0)).toEqual(once);
  });

  it('does not let the live feed take a confirmed point’s place', () => {
    expect(mergePoints([p(1, 10)], [live(1, 10)], 0)).toEqual([p(1, 10)]);
    expect(mergePoints([live(1, 10)], [p(1, 10)], 0)).toEqual([p(1, 10)]);
  });

  it('lets what is too old go, and stays within its limit', () => {
    expect(times(mergePoints(every(1, 10), [p(10)], 7))).toEqual([7, 8, 9, 10]);
    expect(mergePoints(every(1, MAX_POINTS), [p(1e9)], 0)).toHaveLength(MAX_POINTS);
  });
});

describe('replacing the tail', () => {
  it('believes the history from there on, and keeps what is newer still', () => {
    const held = [p(1), p(2), p(3), live(9), live(12)];
    const after = replaceTail(held, [p(4), p(6), p(8), p(10)], 3);
    expect(times(after)).toEqual([1, 2, 4, 6, 8, 10, 12]);
  });
});

describe('a gap', () => {
  it('is well beyond what the channel usually does', () => {
    expect(gapSeconds(every(10, 20), null)).toBe(25);
    expect(gapSeconds(every(1, 20), null)).toBe(3);
    expect(gapSeconds([p(1)], null)).toBe(Infinity);
    expect(gapSeconds(every(60, 3), 60)).toBe(90);
  });

  it('is not learnt from the jump to an unconfirmed point', () => {
    expect(gapSeconds([p(0), p(10), live(600)], null)).toBe(25);
  });

  it('breaks the line and is told', () => {
    const columns = toColumns([p(0), p(10), p(100), p(110)], 25, 111);
    expect(columns.t).toEqual([0, 10, 55, 100, 110]);
    expect(columns.value).toEqual([0, 10, null, 100, 110]);
    expect(columns.gaps).toEqual([{ from: 10, to: 100 }]);
  });

  it('lasts until now when nothing comes any more', () => {
    expect(toColumns(every(10, 3), 25, 60).gaps).toEqual([{ from: 20, to: 60 }]);
    expect(toColumns(every(10, 3), 25, 40).gaps).toEqual([]);
  });

  it('is not claimed before a point that only the live feed has told of', () => {
    expect(toColumns([p(0), p(10), live(100)], 25, 100).gaps).toEqual([]);
    expect(skipped([p(0), p(10), live(100)], 25)).toBe(true);
    expect(skipped([p(0), p(10), live(20)], 25)).toBe(false);
    expect(skipped([p(0), p(10), p(100)], 25)).toBe(false);
  });
});

describe('quality', () => {
  it('marks what is suspect and keeps it in the line; what failed is marked and left out', () => {
    const columns = toColumns([p(0, 1), p(1, 5, 3), p(2, 99, 4), p(3, null, 9), p(4, 2)], 10, 4);
    expect(columns.value).toEqual([1, 5, null, null, 2]);
    expect(columns.marks).toEqual([
      { t: 1, value: 5, kind: 'suspect' },
      { t: 2, value: 99, kind: 'fail' },
    ]);
  });

  it('keeps a failed value out of the extent', () => {
    expect(extent([p(0, 1), p(1, 5, 3), p(2, 99, 4), p(3, null, 9)])).toEqual({ min: 1, max: 5 });
    expect(extent([p(2, 99, 4)])).toBeNull();
  });
});

describe('history', () => {
  const head = { station: 's', channel: 'c', quantity: 'rain', unit: 'mm' };

  it('of readings is put in order, one a moment', () => {
    const points = pointsOf(
      {
        ...head,
        readings: [
          { time: '1970-01-01T00:00:02Z', value: 2, quality: 1 },
          { time: '1970-01-01T00:00:01.500Z', value: 1, quality: 3 },
          { time: '1970-01-01T00:00:02Z', value: 3, quality: 1 },
        ],
      },
      false,
    );
    expect(points).toEqual([p(1.5, 1, 3), p(2, 3)]);
  });

  it('of aggregates stands in the middle of each, by mean or by sum', () => {
    const history = {
      ...head,
      step_s: 60,
      rows: [
        { time: '1970-01-01T00:01:00Z', mean: 2, min: 1, max: 3, sum: 20, count: 10, good: 10 },
        { time: '1970-01-01T00:02:00Z', mean: 2, sum: 20, count: 10, good: 0 },
        { time: '1970-01-01T00:03:00Z', mean: null, sum: null, count: 0, good: 0 },
      ],
    };
    expect(pointsOf(history, false).map((x) => [x.t, x.value, x.quality])).toEqual([[90, 2, 1], [150, 2, 3], [210, null, 9]]);
    expect(pointsOf(history, true)[0]?.value).toBe(20);
  });
});
