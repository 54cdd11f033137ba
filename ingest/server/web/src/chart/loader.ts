/** Keeps one chart's points: loads the history, merges the live feed, fills in what the feed left out. */
import type { History, Latest } from '../contract.ts';
import { Store } from '../store.ts';
import { styleOf } from '../quantities.ts';
import { historyUrl } from './history.ts';
import {
  gapSeconds,
  livePoint,
  MAX_POINTS,
  mergePoints,
  pointsOf,
  replaceTail,
  skipped,
  type Point,
} from './series.ts';
import type { TimeWindow } from './window.ts';

/** Live points kept while a history is on its way. */
const MAX_PENDING = 256;
/** Between two requests for what the feed left out. */
export const MIN_TAIL_MS = 2_000;
export const RETRY_MS = 5_000;
/** How far behind the newest confirmed reading a tail starts, for readings that come late. */
const OVERLAP_S = 30;

export interface Wanted {
  readonly station: string;
  readonly channel: string;
  readonly quantity: string;
  readonly unit: string;
  readonly window: TimeWindow;
}

/** What the chart draws; it stays while something else is loaded. */
export interface Shown extends Wanted {
  readonly points: readonly Point[];
  readonly truncated: boolean;
}

export type Status =
  | { readonly kind: 'idle' | 'loading' | 'ready' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Surroundings {
  fetch(url: string, signal: AbortSignal): Promise<History>;
  /** The server's time in seconds. */
  nowS(): number;
}

export class SeriesLoader {
  readonly shown = new Store<Shown | null>(null);
  readonly status = new Store<Status>({ kind: 'idle' });
  readonly #around: Surroundings;
  #wanted: Wanted | null = null;
  #pending: Point[] = [];
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tailMs = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  show(wanted: Wanted): void {
    this.#wanted = wanted;
    this.#pending = [];
    this.reload();
  }

  /** The whole span again, as after a reconnection. */
  reload(): void {
    const wanted = this.#wanted;
    if (!wanted) return;
    this.#restart();
    if (!sameSeries(this.shown.value, wanted)) this.status.set({ kind: 'loading' });
    const from = this.#aligned(this.#around.nowS() - wanted.window.seconds);
    void this.#load(wanted, from, (points) => mergePoints(points, this.#pending, from));
  }

  /** A reading from the live feed; of any datastream, only the wanted one's is taken. */
  hear(latest: Latest): void {
    const wanted = this.#wanted;
    if (!wanted || latest.station !== wanted.station || latest.channel !== wanted.channel) return;
    if (latest.quantity !== wanted.quantity || wanted.window.step !== null) return;
    const point = livePoint(latest);
    const shown = this.shown.value;
    if (!shown || !sameSeries(shown, wanted)) {
      this.#pending = [...this.#pending, point].slice(-MAX_PENDING);
      return;
    }
    const from = this.#around.nowS() - wanted.window.seconds;
    const points = mergePoints(shown.points, [point], from);
    this.shown.set({ ...shown, points });
    if (skipped(points, gapSeconds(points, null))) this.#hurryTail();
  }

  stop(): void {
    this.#wanted = null;
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  #restart(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    clearTimeout(this.#timer);
    this.#tailMs = 0;
  }

  #tail(): void {
    const shown = this.shown.value;
    const wanted = this.#wanted;
    if (!wanted || !shown || !sameSeries(shown, wanted)) return;
    this.#restart();
    const confirmed = shown.points.findLast((p) => !p.live)?.t;
    const start = this.#around.nowS() - wanted.window.seconds;
    const from = this.#aligned(Math.max(start, (confirmed ?? start) - OVERLAP_S));
    void this.#load(wanted, from, (points) =>
      mergePoints(replaceTail(this.shown.value?.points ?? [], points, from), [], start),
    );
  }

  /** Brings the next tail forward; many at once become one. */
  #hurryTail(): void {
    const soon = Date.now() + MIN_TAIL_MS;
    if (this.#tailMs <= soon) return;
    this.#schedule(MIN_TAIL_MS, () => this.#tail());
  }

  #schedule(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#tailMs = Date.now() + ms;
    this.#timer = setTimeout(act, ms);
  }

  async #load(wanted: Wanted, from: number, merge: (points: Point[]) => Point[]): Promise<void> {
    const { signal } = this.#abort;
    const amount = styleOf(wanted.quantity).amount === true;
    const to = this.#around.nowS() + OVERLAP_S;
    try {
      const url = historyUrl(wanted, from, to, wanted.window.step, amount);
      const history = await this.#around.fetch(url, signal);
      if (signal.aborted) return;
      const points = merge(pointsOf(history, amount));
      this.#pending = [];
      this.shown.set({ ...wanted, points, truncated: points.length >= MAX_POINTS });
      this.status.set({ kind: 'ready' });
      this.#schedule(wanted.window.refresh * 1000, () => this.#tail());
    } catch (error) {
      if (signal.aborted) return;
      this.status.set({ kind: 'failed', reason: error instanceof Error ? error.message : '' });
      this.#schedule(RETRY_MS, () => this.reload());
    }
  }

  /** Aggregates begin at whole steps, so that the same reading always falls into the same one. */
  #aligned(seconds: number): number {
    const step = this.#wanted?.window.step;
    return step ? Math.floor(seconds / step) * step - step : seconds;
  }
}

export function sameSeries(a: Wanted | null, b: Wanted): boolean {
  return (
    a !== null &&
    a.station === b.station &&
    a.channel === b.channel &&
    a.quantity === b.quantity &&
    a.window.name === b.window.name
  );
}
