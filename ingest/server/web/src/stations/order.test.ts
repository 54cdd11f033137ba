import { expect, it } from 'vitest';
import type { Station } from '../contract.ts';
import { countStates, matches, orderStations } from './order.ts';

function station(id: string, name: string, change: Partial<Station> = {}): Station {
  return {
    id, name, name_en: null, commune: null, lat: null, lon: null, state: 'fresh', last_seen: null,
    age_s: null, online: true, alarm_level: 0, ...change,
  };
}

it('puts trouble first, then goes by name as Vietnamese sorts it', () => {
  const ordered = orderStations([
    station('1', 'Đập Bảo Hà'),
    station('2', 'Dốc Sa Pa'),
    station('3', 'Cửa khẩu', { state: 'late' }),
    station('4', 'Yên Bái', { alarm_level: 2 }),
    station('5', 'Ý Tý', { state: 'lost' }),
    station('6', 'Bản Hồ', { state: 'never' }),
  ]);
  expect(ordered.map((s) => s.id)).toEqual(['4', '5', '3', '2', '1', '6']);
});

it('counts each state, also the ones nobody is in', () => {
  const counts = countStates([station('1', 'a'), station('2', 'b', { state: 'lost' }), station('3', 'c')]);
  expect(counts).toEqual({ fresh: 2, late: 0, lost: 1, never: 0 });
});

it('finds with and without the marks of Vietnamese', () => {
  const found = station('kim-thanh-gate-01', 'Cửa khẩu Kim Thành', { commune: 'Lào Cai' });
  for (const query of ['kim thanh', 'Thành', 'cua khau', 'LAO CAI', 'gate-01', ' ']) {
    expect(matches(found, query), query).toBe(true);
  }
  expect(matches(station('d', 'Đập'), 'dap')).toBe(true);
  expect(matches(found, 'sa pa')).toBe(false);
});
