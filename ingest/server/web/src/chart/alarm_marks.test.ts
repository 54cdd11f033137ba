import { expect, it } from 'vitest';
import type { Alarm } from '../contract.ts';
import { alarmMarks } from './alarm_marks.ts';

const at = (s: number): string => new Date(s * 1000).toISOString();
const stream = { station: 's', channel: 'c' };

function alarm(change: Partial<Alarm>): Alarm {
  return {
    id: 'a', rule: 'r', version: 1, hazard: 'flood', station: 's', channel: 'c', level: 3, severity: 'Severe',
    state: 'raised', raised_at: at(10), updated_at: at(10), cleared_at: null, value: 1, unit: 'm', headline: {},
    acked: null, shelved: null, cap: null, unofficial: false, source: 'centre', ...change,
  };
}

it('stands with its level where it was raised', () => {
  expect(alarmMarks([alarm({})], stream)).toEqual([{ t: 10, level: 3, text: '3' }]);
});

it('does not claim that it had at its beginning the level it has now', () => {
  expect(alarmMarks([alarm({ updated_at: at(20) })], stream)).toEqual([
    { t: 10, level: 3, text: '!' },
    { t: 20, level: 3, text: '3' },
  ]);
});

it('ends', () => {
  const over = alarm({ state: 'cleared', updated_at: at(30), cleared_at: at(30) });
  expect(alarmMarks([over], stream)).toEqual([
    { t: 10, level: 3, text: '!' },
    { t: 30, level: 0, text: '✓' },
  ]);
});

it('of another channel is not shown', () => {
  expect(alarmMarks([alarm({ channel: 'd' }), alarm({ station: 't' })], stream)).toEqual([]);
});
