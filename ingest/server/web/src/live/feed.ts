/** The live feed: one EventSource, watched for silence and reopened with a growing, jittered wait. */
import type { Alarm, Diff, Heartbeat, Snapshot } from '../contract.ts';

/** Heartbeats come every 5 s; two missing and a little more mean that nobody is there. */
export const SILENCE_MS = 12_000;
export const FIRST_RETRY_MS = 1_000;
export const MAX_RETRY_MS = 30_000;

export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly sinceMs: number; readonly retryMs: number };

export interface Handlers {
  snapshot(snapshot: Snapshot): void;
  diff(diff: Diff): void;
  alarm(alarm: Alarm): void;
  heartbeat(heartbeat: Heartbeat): void;
  connection(connection: Connection): void;
}

/** The world the feed lives in; replaced in tests. */
export interface Surroundings {
  open(url: string): Source;
  nowMs(): number;
  random(): number;
}

/** The part of an EventSource that is used. */
export interface Source {
  addEventListener(type: string, listener: (event: { data?: string }) => void): void;
  close(): void;
}

export class Feed {
  readonly #url: string;
  readonly #handlers: Handlers;
  readonly #around: Surroundings;
  #source: Source | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #lostSinceMs: number | null = null;

  constructor(url: string, handlers: Handlers, around: Surroundings) {
    this.#url = url;
    this.#handlers = handlers;
    this.#around = around;
  }

  start(): void {
    this.#handlers.connection({ kind: 'connecting' });
    this.#open();
  }

  /** Tries at once, as when the operator asks for it or the network comes back. */
  retryNow(): void {
    if (this.#lostSinceMs !== null) this.#open();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #open(): void {
    this.stop();
    const source = this.#around.open(this.#url);
    this.#source = source;
    const on = <T>(type: string, deliver: (data: T) => void): void =>
      source.addEventListener(type, (event) => {
        if (source === this.#source && event.data !== undefined) this.#receive(event.data, deliver);
      });
    on<Snapshot>('snapshot', (s) => this.#handlers.snapshot(s));
    on<Diff>('diff', (d) => this.#handlers.diff(d));
    on<Alarm>('alarm', (a) => this.#handlers.alarm(a));
    on<Heartbeat>('hb', (h) => this.#handlers.heartbeat(h));
    source.addEventListener('error', () => {
      if (source === this.#source) this.#lose();
    });
    this.#watch();
  }

  #receive<T>(data: string, deliver: (data: T) => void): void {
    this.#watch();
    let parsed: T;
    try {
      parsed = JSON.parse(data) as T;
    } catch {
      // Half a frame is as good as none: start again from a snapshot.
      this.#lose();
      return;
    }
    this.#failures = 0;
    this.#lostSinceMs = null;
    this.#handlers.connection({ kind: 'live' });
    deliver(parsed);
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lose(), SILENCE_MS);
  }

  #lose(): void {
    this.stop();
    this.#lostSinceMs ??= this.#around.nowMs();
    const wait = retryDelay(this.#failures, this.#around.random());
    this.#failures += 1;
    this.#handlers.connection({
      kind: 'lost',
      sinceMs: this.#lostSinceMs,
      retryMs: this.#around.nowMs() + wait,
    });
    this.#timer = setTimeout(() => this.#open(), wait);
  }
}

/** Doubles from 1 s to 30 s; `random` in [0, 1) spreads many pages over half of it. */
export function retryDelay(failures: number, random: number): number {
  const whole = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
  return whole / 2 + (whole / 2) * random;
}
