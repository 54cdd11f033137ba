import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Feed, MAX_RETRY_MS, retryDelay, SILENCE_MS, type Connection } from './feed.ts';

class FakeSource {
  closed = false;
  readonly #listeners = new Map<string, (event: { data?: string }) => void>();
  addEventListener(type: string, listener: (event: { data?: string }) => void): void {
    this.#listeners.set(type, listener);
  }
  close(): void {
    this.closed = true;
  }
  say(type: string, data?: unknown): void {
    this.#listeners.get(type)?.(data === undefined ? {} : { data: JSON.stringify(data) });
  }
  sayRaw(type: string, data: string): void {
    this.#listeners.get(type)?.({ data });
  }
}

function setUp() {
  const sources: FakeSource[] = [];
  const states: Connection[] = [];
  const heard: string[] = [];
  const feed = new Feed(
    '/live',
    {
      snapshot: () => heard.push('snapshot'),
      diff: () => heard.push('diff'),
      alarm: () => heard.push('alarm'),
      heartbeat: () => heard.push('hb'),
      connection: (c) => states.push(c),
    },
    {
      open: () => {
        const source = new FakeSource();
        sources.push(source);
        return source;
      },
      nowMs: () => Date.now(),
      random: () => 1,
    },
  );
  feed.start();
  const source = (index: number): FakeSource => sources[index] as FakeSource;
  return { feed, sources, source, states, heard, last: () => states.at(-1)?.kind };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the feed', () => {
  it('is connecting, then live with the first frame, and delivers every kind', () => {
    const { source, heard, states } = setUp();
    expect(states).toEqual([{ kind: 'connecting' }]);
    for (const kind of ['snapshot', 'diff', 'alarm', 'hb']) source(0).say(kind, {});
    expect(heard).toEqual(['snapshot', 'diff', 'alarm', 'hb']);
    expect(states.at(-1)).toEqual({ kind: 'live' });
  });

  it('is lost after a silence, although no error was seen, and opens anew', () => {
    const { sources, source, last } = setUp();
    source(0).say('hb', {});
    vi.advanceTimersByTime(SILENCE_MS - 1);
    expect(last()).toBe('live');
    vi.advanceTimersByTime(1);
    expect(last()).toBe('lost');
    expect(source(0).closed).toBe(true);
    vi.advanceTimersByTime(1_000);
    expect(sources).toHaveLength(2);
  });

  it('remembers since when it is lost through all its tries', () => {
    const { source, states } = setUp();
    source(0).say('error');
    const first = states.at(-1);
    vi.advanceTimersByTime(1_000);
    source(1).say('error');
    const second = states.at(-1);
    expect(first).toMatchObject({ kind: 'lost', sinceMs: 1_000_000, retryMs: 1_001_000 });
    expect(second).toMatchObject({ kind: 'lost', sinceMs: 1_000_000, retryMs: 1_003_000 });
  });

  it('takes nothing from a source it has closed', () => {
    const { source, heard } = setUp();
    source(0).say('error');
    source(0).say('diff', {});
    expect(heard).toEqual([]);
  });

  it('starts again when a frame cannot be read', () => {
    const { source, last, heard } = setUp();
    source(0).sayRaw('diff', '{"time":');
    expect(last()).toBe('lost');
    expect(heard).toEqual([]);
  });

  it('tries at once when asked to, and not twice', () => {
    const { feed, sources, source } = setUp();
    source(0).say('error');
    feed.retryNow();
    expect(sources).toHaveLength(2);
    vi.advanceTimersByTime(SILENCE_MS - 1);
    expect(sources).toHaveLength(2);
  });

  it('leaves a live connection alone when asked to retry', () => {
    const { feed, sources, source } = setUp();
    source(0).say('snapshot', {});
    feed.retryNow();
    expect(sources).toHaveLength(1);
  });
});

describe('the wait before a retry', () => {
  it('doubles to its limit, and spreads over half of itself', () => {
    expect(retryDelay(0, 0)).toBe(500);
    expect(retryDelay(0, 1)).toBe(1_000);
    expect(retryDelay(3, 1)).toBe(8_000);
    expect(retryDelay(1_000, 1)).toBe(MAX_RETRY_MS);
  });
});
