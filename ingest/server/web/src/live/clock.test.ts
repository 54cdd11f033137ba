import { describe, expect, it } from 'vitest';
import { ageSeconds, ServerClock } from './clock.ts';

const NOON = '2026-09-09T12:00:00.000Z';
const noonMs = Date.parse(NOON);

describe('the server’s clock', () => {
  it('is unknown until the server speaks, then runs on by itself', () => {
    const clock = new ServerClock();
    expect(clock.now(1_000)).toBeNull();
    clock.hear(NOON, 1_000);
    expect(clock.now(4_500)).toBe(noonMs + 3_500);
  });

  it('does not run backwards because a frame was held up', () => {
    const clock = new ServerClock();
    clock.hear(NOON, 0);
    clock.hear('2026-09-09T12:00:01.000Z', 3_000);
    expect(clock.now(3_000)).toBe(noonMs + 3_000);
  });

  it('follows a server whose clock was set back', () => {
    const clock = new ServerClock();
    clock.hear(NOON, 0);
    clock.hear('2026-09-09T11:00:00.000Z', 1_000);
    expect(clock.now(1_000)).toBe(noonMs - 3_600_000);
  });

  it('ignores a time it cannot read', () => {
    const clock = new ServerClock();
    clock.hear('yesterday', 0);
    expect(clock.now(0)).toBeNull();
  });
});

describe('an age', () => {
  it('is whole seconds, never negative, and unknown when either end is', () => {
    expect(ageSeconds(NOON, noonMs + 2_999)).toBe(2);
    expect(ageSeconds(NOON, noonMs - 500)).toBe(0);
    expect(ageSeconds(null, noonMs)).toBeNull();
    expect(ageSeconds(NOON, null)).toBeNull();
  });
});
