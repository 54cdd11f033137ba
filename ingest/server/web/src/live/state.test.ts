import { describe, expect, it } from 'vitest';
import type { Alarm, Latest, Snapshot, Station } from '../contract.ts';
import { applyAlarm, applyAnswer, applyDiff, applySnapshot, EMPTY, MAX_ALARMS, MAX_TRAIL } from './state.ts';

const T0 = Date.UTC(2026, 8, 9, 13, 0, 0);
const at = (seconds: number): string => new Date(T0 + seconds * 1000).toISOString();

function station(id: string, change: Partial<Station> = {}): Station {
  return {
    id, name: id, name_en: null, commune: null, lat: null, lon: null,
    state: 'fresh', last_seen: at(0), age_s: 0, online: true, alarm_level: 0, ...change,
  };
}

function reading(channel: string, seconds: number, value: number | null = 1): Latest {
  return {
    station: 's', channel, quantity: 'water_level', unit: 'm', value,
    time: at(seconds), quality: 1, tests: [], age_s: 0,
  };
}

function alarm(id: string, seconds: number, change: Partial<Alarm> = {}): Alarm {
  return {
    id, rule: 'r', version: 1, hazard: 'flood', station: 's', channel: 'c', level: 1,
    severity: 'Minor', state: 'raised', raised_at: at(0), updated_at: at(seconds), cleared_at: null,
    value: 1, unit: 'm', headline: {}, acked: null, shelved: null, cap: null, unofficial: false,
    source: 'centre', ...change,
  };
}

const snapshot: Snapshot = {
  time: at(0),
  stations: [station('s'), station('t')],
  latest: [reading('rain', 0), reading('water_level', 0, 77.5)],
  alarms: [alarm('b', 1), alarm('a', 0)],
};

describe('a snapshot', () => {
  it('holds everything, each station’s datastreams in the order of interest', () => {
    const state = applySnapshot(EMPTY, snapshot);
    expect([...state.stations.keys()]).toEqual(['s', 't']);
    expect(state.streams.get('s')).toEqual(['s/water_level/water_level', 's/rain/water_level']);
    expect(state.alarms.size).toBe(2);
  });

  it('forgets what it does not name, but keeps the trails', () => {
    const before = applySnapshot(EMPTY, snapshot);
    const after = applySnapshot(before, { ...snapshot, stations: [station('t')], alarms: [] });
    expect([...after.stations.keys()]).toEqual(['t']);
    expect(after.alarms.size).toBe(0);
    expect(after.trails.get('s/water_level/water_level')).toEqual([77.5, 77.5]);
  });

  it('may say an older time than was held: the server knows', () => {
    const before = applyDiff(applySnapshot(EMPTY, snapshot), { time: at(9), latest: [reading('rain', 9, 5)] });
    const after = applySnapshot(before, snapshot);
    expect(after.latest.get('s/rain/water_level')?.value).toBe(1);
  });
});

describe('a difference', () => {
  const held = applySnapshot(EMPTY, snapshot);

  it('changes what it names and leaves the rest as the same objects', () => {
    const after = applyDiff(held, { time: at(1), stations: [station('t', { state: 'late' })] });
    expect(after.stations.get('t')?.state).toBe('late');
    expect(after.stations.get('s')).toBe(held.stations.get('s'));
    expect(after.streams).toBe(held.streams);
  });

  it('adds a datastream that was not there', () => {
    const after = applyDiff(held, { time: at(1), latest: [reading('humidity', 1)] });
    expect(after.streams.get('s')).toHaveLength(3);
  });

  it('does not put an older reading in the place of a newer one', () => {
    const newer = applyDiff(held, { time: at(5), latest: [reading('rain', 5, 2)] });
    const after = applyDiff(newer, { time: at(6), latest: [reading('rain', 3, 9)] });
    expect(after.latest.get('s/rain/water_level')?.value).toBe(2);
  });

  it('lets a trail grow by new moments only, to its limit', () => {
    let state = held;
    for (let s = 1; s <= MAX_TRAIL + 10; s += 1) {
      const same = reading('rain', s, s);
      state = applyDiff(applyDiff(state, { time: at(s), latest: [same] }), { time: at(s), latest: [same] });
    }
    const trail = state.trails.get('s/rain/water_level');
    expect(trail).toHaveLength(MAX_TRAIL);
    expect(trail?.at(-1)).toBe(MAX_TRAIL + 10);
    expect(trail?.at(-2)).toBe(MAX_TRAIL + 9);
  });

  it('keeps a missing value out of the trail', () => {
    const after = applyDiff(held, { time: at(1), latest: [reading('rain', 1, null)] });
    expect(after.trails.get('s/rain/water_level')).toEqual([1]);
    expect(after.latest.get('s/rain/water_level')?.value).toBeNull();
  });
});

describe('an alarm', () => {
  it('replaces itself, in the order of the feed, whatever the times of its readings', () => {
    const raised = applyAlarm(EMPTY, alarm('a', 5, { level: 2 }));
    expect(applyAlarm(raised, alarm('a', 6, { level: 3 })).alarms.get('a')?.level).toBe(3);
    expect(applyAlarm(raised, alarm('a', 4, { level: 1 })).alarms.get('a')?.level).toBe(1);
  });

  it('is taken from an answer, unless the feed has told of a later reading', () => {
    const acked = { by: 'A', comment: '', at: at(7) };
    const raised = applyAlarm(EMPTY, alarm('a', 5));
    expect(applyAnswer(raised, alarm('a', 5, { acked })).alarms.get('a')?.acked).toEqual(acked);
    const graver = applyAlarm(raised, alarm('a', 6, { level: 3 }));
    expect(applyAnswer(graver, alarm('a', 5, { acked })).alarms.get('a')).toMatchObject({ level: 3, acked: null });
  });

  it('is never pushed out while raised as long as an ended one can go', () => {
    let state = applyAlarm(EMPTY, alarm('raised', 0));
    for (let i = 0; i < MAX_ALARMS + 5; i += 1) {
      state = applyAlarm(state, alarm(`ended-${i}`, 10 + i, { state: 'cleared' }));
    }
    expect(state.alarms.size).toBe(MAX_ALARMS);
    expect(state.alarms.has('raised')).toBe(true);
    expect(state.alarms.has('ended-0')).toBe(false);
    expect(state.dropped).toBe(6);
  });
});
