/** The points of a chart: history, the live feed merged into it, and the gaps between. Pure. */
import type { AggregateRow, History, Latest, Quality } from '../contract.ts';

/** Points held for one chart at most; the oldest go first. */
export const MAX_POINTS = 20_000;
/** Deltas looked at to learn how often a channel reports. */
const MAX_DELTAS = 256;

export interface Point {
  /** Seconds since 1970. */
  readonly t: number;
  readonly value: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
  readonly quality: Quality;
  readonly count?: number;
  readonly good?: number;
  /**
   * From the live feed and not yet confirmed by the history. The feed tells only the newest value
   * of a batch, so what lies just before such a point is unknown and not yet a gap.
   */
  readonly live?: true;
}

export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** Points in order of time, ready to be drawn. */
export interface Columns {
  readonly t: number[];
  /** Null breaks the line: missing, failed, or the middle of a gap. */
  readonly value: (number | null)[];
  readonly low: (number | null)[];
  readonly high: (number | null)[];
  readonly marks: readonly Mark[];
  readonly gaps: readonly Gap[];
}

export interface Mark {
  readonly t: number;
  readonly value: number;
  readonly kind: 'suspect' | 'fail';
}

export function pointsOf(history: History, amount: boolean): Point[] {
  if (history.rows) {
    const half = (history.step_s ?? 0) / 2;
    return ordered(history.rows.map((row) => aggregatePoint(row, half, amount)));
  }
  return ordered(
    (history.readings ?? []).map((r) => ({
      t: Date.parse(r.time) / 1000,
      value: r.value,
      quality: r.quality,
    })),
  );
}

/** An aggregate stands in the middle of its span and is suspect when nothing in it was good. */
function aggregatePoint(row: AggregateRow, half: number, amount: boolean): Point {
  const count = row.count ?? 0;
  const good = row.good ?? count;
  return {
    t: Date.parse(row.time) / 1000 + half,
    value: (amount ? row.sum : row.mean) ?? null,
    low: row.min ?? null,
    high: row.max ?? null,
    quality: count === 0 ? 9 : good === 0 ? 3 : 1,
    count,
    good,
  };
}

export function livePoint(latest: Latest): Point {
  return {
    t: Date.parse(latest.time) / 1000,
    value: latest.value,
    quality: latest.quality,
    live: true,
  };
}

/** One point a moment, `incoming` wins; what is older than `from` and beyond the limit goes. */
export function mergePoints(
  held: readonly Point[],
  incoming: readonly Point[],
  from: number,
): Point[] {
  const merged: Point[] = [];
  let h = 0;
  let i = 0;
  while (h < held.length || i < incoming.length) {
    const a = held[h];
    const b = incoming[i];
    if (b === undefined || (a !== undefined && a.t < b.t)) {
      if (a && a.t >= from) merged.push(a);
      h += 1;
    } else {
      // A live point must not take the confirmed one's place.
      const kept = a?.t === b.t && b.live && !a.live ? a : b;
      if (kept.t >= from) merged.push(kept);
      if (a?.t === b.t) h += 1;
      i += 1;
    }
  }
  return merged.length > MAX_POINTS ? merged.slice(-MAX_POINTS) : merged;
}

/** Replaces everything from `from` on by what the history says; newer live points stay. */
export function replaceTail(held: readonly Point[], tail: readonly Point[], from: number): Point[] {
  const lastConfirmed = tail.at(-1)?.t ?? -Infinity;
  const kept = held.filter((p) => p.t < from || (p.live === true && p.t > lastConfirmed));
  return mergePoints(kept, tail, -Infinity);
}

/** How far apart two readings may be before it is a gap: well beyond what this channel does. */
export function gapSeconds(points: readonly Point[], step: number | null): number {
  if (step !== null) return step * 1.5;
  const deltas: number[] = [];
  for (let i = points.length - 1; i > 0 && deltas.length < MAX_DELTAS; i -= 1) {
    const a = points[i - 1];
    const b = points[i];
    if (a && b && !b.live) deltas.push(b.t - a.t);
  }
  if (deltas.length === 0) return Infinity;
  deltas.sort((a, b) => a - b);
  const usual = deltas[Math.floor(deltas.length / 2)] ?? 0;
  return Math.max(usual * 2.5, usual + 2);
}

/** Whether the live point left readings out that the history will have. */
export function skipped(points: readonly Point[], limit: number): boolean {
  const last = points.at(-1);
  const before = points.at(-2);
  return last?.live === true && before !== undefined && last.t - before.t > limit / 1.6;
}

/**
 * Columns for the chart. Between points further apart than `limit` seconds goes an empty one, so
 * that no line is drawn across; a silence that lasts until `now` is a gap as well.
 */
export function toColumns(points: readonly Point[], limit: number, now: number): Columns {
  const t: number[] = [];
  const value: (number | null)[] = [];
  const low: (number | null)[] = [];
  const high: (number | null)[] = [];
  const marks: Mark[] = [];
  const gaps: Gap[] = [];
  const push = (at: number, v: number | null, l: number | null, h: number | null): void => {
    t.push(at);
    value.push(v);
    low.push(l);
    high.push(h);
  };

  let before: Point | undefined;
  for (const point of points) {
    if (before && !point.live && point.t - before.t > limit) {
      gaps.push({ from: before.t, to: point.t });
      push((before.t + point.t) / 2, null, null, null);
    }
    const drawn = point.quality === 4 || point.quality === 9 ? null : point.value;
    push(point.t, drawn, drawn === null ? null : (point.low ?? null), drawn === null ? null : (point.high ?? null));
    if (point.value !== null && (point.quality === 3 || point.quality === 4)) {
      marks.push({ t: point.t, value: point.value, kind: point.quality === 3 ? 'suspect' : 'fail' });
    }
    before = point;
  }
  if (before && now - before.t > limit) gaps.push({ from: before.t, to: now });
  return { t, value, low, high, marks, gaps };
}

/** Lowest and highest drawn value, or null when there is none. */
export function extent(points: readonly Point[]): { min: number; max: number } | null {
  let min = Infinity;
  let max = -Infinity;
  for (const p of points) {
    if (p.quality === 4 || p.value === null) continue;
    min = Math.min(min, p.low ?? p.value);
    max = Math.max(max, p.high ?? p.value);
  }
  return min <= max ? { min, max } : null;
}

function ordered(points: Point[]): Point[] {
  const sorted = points.filter((p) => Number.isFinite(p.t)).sort((a, b) => a.t - b.t);
  const unique = sorted.filter((p, i) => sorted[i + 1]?.t !== p.t);
  return unique.length > MAX_POINTS ? unique.slice(-MAX_POINTS) : unique;
}
