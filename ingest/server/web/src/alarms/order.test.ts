import { expect, it } from 'vitest';
import type { Alarm } from '../contract.ts';
import { arrange, headlineOf, placeOf } from './order.ts';

const NOW = Date.UTC(2026, 8, 9, 13);
const ago = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();

function alarm(id: string, change: Partial<Alarm> = {}): Alarm {
  return {
    id, rule: 'flood', version: 1, hazard: 'flood', station: 's', channel: 'c', level: 1, severity: 'Minor',
    state: 'raised', raised_at: ago(10), updated_at: ago(10), cleared_at: null, value: 1, unit: 'm',
    headline: { vi: 'Lũ', en: 'Flood' }, acked: null, shelved: null, cap: null, unofficial: false,
    source: 'centre', ...change,
  };
}

const acked = { by: 'A', comment: '', at: ago(1) };

it('has a place for each alarm', () => {
  expect(placeOf(alarm('a'), NOW)).toBe('active');
  expect(placeOf(alarm('a', { acked }), NOW)).toBe('acked');
  expect(placeOf(alarm('a', { state: 'cleared', acked }), NOW)).toBe('cleared');
});

it('brings a shelved alarm back when its time is over', () => {
  const shelved = alarm('a', { shelved: { by: 'A', comment: '', until: ago(-5) } });
  expect(placeOf(shelved, NOW)).toBe('shelved');
  expect(placeOf(shelved, NOW + 5 * 60_000)).toBe('active');
});

it('puts the gravest first, then the newest, and the last ended first', () => {
  const places = arrange(
    [
      alarm('old', { raised_at: ago(30) }),
      alarm('grave', { level: 4, raised_at: ago(60) }),
      alarm('new', { raised_at: ago(2) }),
      alarm('ended long ago', { state: 'cleared', cleared_at: ago(50) }),
      alarm('just ended', { state: 'cleared', cleared_at: ago(1) }),
    ],
    NOW,
  );
  expect(places.active.map((a) => a.id)).toEqual(['grave', 'new', 'old']);
  expect(places.cleared.map((a) => a.id)).toEqual(['just ended', 'ended long ago']);
});

it('has a headline in any language, whatever was written', () => {
  expect(headlineOf(alarm('a'), 'en')).toBe('Flood');
  expect(headlineOf(alarm('a'), 'zh')).toBe('Lũ');
  expect(headlineOf(alarm('a', { headline: {} }), 'vi')).toBe('flood');
});
