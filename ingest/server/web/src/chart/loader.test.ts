import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { History, Latest } from '../contract.ts';
import { MIN_TAIL_MS, RETRY_MS, SeriesLoader, type Wanted } from './loader.ts';
import { windowNamed } from './window.ts';

const NOW_S = 1_800_000_000;
const wanted = (channel: string): Wanted => ({
  station: 's', channel, quantity: 'water_level', unit: 'm', window: windowNamed('15m', false),
});
const iso = (s: number): string => new Date(s * 1000).toISOString();
const history = (...seconds: number[]): History => ({
  station: 's', channel: 'c', quantity: 'water_level', unit: 'm',
  readings: seconds.map((s) => ({ time: iso(s), value: s, quality: 1 as const })),
});
const latest = (channel: string, second: number): Latest => ({
  station: 's', channel, quantity: 'water_level', unit: 'm', value: second, time: iso(second),
  quality: 1, tests: [], age_s: 0,
});

interface Request {
  readonly url: URL;
  readonly signal: AbortSignal;
  answer(history: History): Promise<void>;
  fail(message: string): Promise<void>;
}

function setUp() {
  const requests: Request[] = [];
  const loader = new SeriesLoader({
    fetch: (url, signal) =>
      new Promise((resolve, reject) => {
        const settle = async (act: () => void): Promise<void> => {
          act();
          await vi.advanceTimersByTimeAsync(0);
        };
        requests.push({
          url: new URL(url, 'http://centre'),
          signal,
          answer: (h) => settle(() => resolve(h)),
          fail: (m) => settle(() => reject(new Error(m))),
        });
      }),
    nowS: () => NOW_S,
  });
  const request = (index: number): Request => requests[index] as Request;
  const shown = (): number[] => loader.shown.value?.points.map((p) => p.t - NOW_S) ?? [];
  return { loader, requests, request, shown };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a chart', () => {
  it('asks for its window and shows what comes', async () => {
    const { loader, request, shown } = setUp();
    loader.show(wanted('c'));
    expect(loader.status.value.kind).toBe('loading');
    expect(request(0).url.searchParams.get('from')).toBe(iso(NOW_S - 900));
    await request(0).answer(history(NOW_S - 20, NOW_S - 10));
    expect(loader.status.value.kind).toBe('ready');
    expect(shown()).toEqual([-20, -10]);
  });

  it('keeps what the live feed said while the history was on its way', async () => {
    const { loader, request, shown } = setUp();
    loader.show(wanted('c'));
    loader.hear(latest('c', NOW_S - 1));
    await request(0).answer(history(NOW_S - 20, NOW_S - 10));
    expect(shown()).toEqual([-20, -10, -1]);
  });

  it('takes live readings of its own datastream only', async () => {
    const { loader, request, shown } = setUp();
    loader.show(wanted('c'));
    await request(0).answer(history(NOW_S - 20, NOW_S - 10));
    loader.hear(latest('d', NOW_S));
    loader.hear({ ...latest('c', NOW_S), station: 'elsewhere' });
    loader.hear(latest('c', NOW_S));
    expect(shown()).toEqual([-20, -10, 0]);
  });

  it('stays as it was while another is loaded, and ignores the answer that comes too late', async () => {
    const { loader, request } = setUp();
    loader.show(wanted('c'));
    await request(0).answer(history(NOW_S - 10));
    loader.show(wanted('d'));
    expect(loader.shown.value?.channel).toBe('c');
    loader.show(wanted('e'));
    expect(request(1).signal.aborted).toBe(true);
    await request(1).answer(history(NOW_S - 5));
    expect(loader.shown.value?.channel).toBe('c');
    await request(2).answer(history(NOW_S - 5));
    expect(loader.shown.value?.channel).toBe('e');
  });

  it('stays when a reload fails, says why, and tries again', async () => {
    const { loader, requests, request, shown } = setUp();
    loader.show(wanted('c'));
    await request(0).answer(history(NOW_S - 10));
    loader.reload();
    expect(loader.status.value.kind).toBe('ready');
    await request(1).fail('the disk is full');
    expect(loader.status.value).toEqual({ kind: 'failed', reason: 'the disk is full' });
    expect(shown()).toEqual([-10]);
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(requests).toHaveLength(3);
    await request(2).answer(history(NOW_S - 10, NOW_S - 5));
    expect(loader.status.value.kind).toBe('ready');
  });

  it('fetches at once, and only once, what the live feed skipped', async () => {
    const { loader, requests, request, shown } = setUp();
    loader.show(wanted('c'));
    await request(0).answer(history(NOW_S - 60, NOW_S - 59, NOW_S - 58, NOW_S - 57));
    loader.hear(latest('c', NOW_S - 46));
    loader.hear(latest('c', NOW_S - 34));
    await vi.advanceTimersByTimeAsync(MIN_TAIL_MS);
    expect(requests).toHaveLength(2);
    expect(request(1).url.searchParams.get('from')).toBe(iso(NOW_S - 57 - 30));
    await request(1).answer(history(NOW_S - 60, NOW_S - 59, NOW_S - 58, NOW_S - 57, NOW_S - 50, NOW_S - 46));
    expect(shown()).toEqual([-60, -59, -58, -57, -50, -46, -34]);
  });

  it('asks for its newest part again from time to time', async () => {
    const { loader, requests, request } = setUp();
    loader.show(wanted('c'));
    await request(0).answer(history(NOW_S - 10));
    await vi.advanceTimersByTimeAsync(windowNamed('15m', false).refresh * 1000);
    expect(requests).toHaveLength(2);
  });

  it('of aggregates asks from whole steps and leaves single readings out', async () => {
    const { loader, request, shown } = setUp();
    loader.show({ ...wanted('c'), window: windowNamed('24h', false) });
    const from = Date.parse(request(0).url.searchParams.get('from') ?? '') / 1000;
    expect(from % 120).toBe(0);
    expect(request(0).url.searchParams.get('fn')).toBe('mean,min,max,count');
    await request(0).answer({ ...history(), rows: [{ time: iso(NOW_S - 120), mean: 1, count: 1 }], step_s: 120 });
    loader.hear(latest('c', NOW_S));
    expect(shown()).toEqual([-60]);
  });

  it('asks for nothing more once it is stopped', async () => {
    const { loader, requests, request } = setUp();
    loader.show(wanted('c'));
    await request(0).answer(history(NOW_S - 10));
    loader.stop();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(requests).toHaveLength(1);
  });
});
