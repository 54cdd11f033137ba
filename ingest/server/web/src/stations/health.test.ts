import { expect, test } from 'vitest';
import type { Health } from '../contract.ts';
import { remarks } from './health.ts';

const silent: Health = {
  heard: '2026-01-01T00:00:00Z', age_s: 0, clock: null, uptime_s: null, temperature_c: null,
  power_now: null, disk_free_bytes: null, disk_size_bytes: null, storing: null, waiting: null,
  oldest_s: null, signal_dbm: null, failing: null,
};

test('a node that tells nothing is given no remarks', () => {
  expect(remarks(silent, 'en')).toEqual([]);
});

test('what is wrong comes first and is marked', () => {
  const health: Health = {
    ...silent, clock: 'unset', uptime_s: 90_000, temperature_c: 51.4, failing: 2, waiting: 3,
    oldest_s: 20, storing: 'kept', disk_free_bytes: 1e9, disk_size_bytes: 32e9, signal_dbm: -87,
    power_now: ['under_voltage'],
  };
  const said = remarks(health, 'en');
  const wrong = said.filter((r) => r.wrong).map((r) => r.text);
  expect(wrong).toEqual(['clock not set', '2 sensors give no value', 'too little voltage', '1.0 GB free']);
  expect(said.slice(wrong.length).map((r) => r.text)).toEqual([
    '51 °C', '3 messages wait (20 s)', '-87 dBm', 'up for 25 h 0 min',
  ]);
  expect(remarks({ ...silent, storing: 'refused' }, 'vi')[0]).toEqual({
    text: 'không ghi được vào thẻ nhớ', wrong: true,
  });
});
