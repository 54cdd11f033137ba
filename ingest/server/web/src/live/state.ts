/** What the page knows: a snapshot, with every later difference merged into it. Pure. */
import type { Alarm, Diff, Latest, Snapshot, Station } from '../contract.ts';

/** Stations held at most; what comes after is counted in {@link LiveState.dropped}. */
export const MAX_STATIONS = 5_000;
/** Datastreams held at most. */
export const MAX_STREAMS = 50_000;
/** Alarms held at most; the ones longest cleared go first. */
export const MAX_ALARMS = 500;
/** Values kept for a datastream's sparkline. */
export const MAX_TRAIL = 48;

export interface LiveState {
  readonly stations: ReadonlyMap<string, Station>;
  readonly latest: ReadonlyMap<string, Latest>;
  /** The keys of each station's datastreams, in the order they are shown. */
  readonly streams: ReadonlyMap<string, readonly string[]>;
  /** The last few values of each datastream as this page saw them arrive. */
  readonly trails: ReadonlyMap<string, readonly number[]>;
  readonly alarms: ReadonlyMap<string, Alarm>;
  /** Entries refused because a limit was reached. */
  readonly dropped: number;
}

export const EMPTY: LiveState = {
  stations: new Map(),
  latest: new Map(),
  streams: new Map(),
  trails: new Map(),
  alarms: new Map(),
  dropped: 0,
};

/** The channels an operator looks for first; the others follow by name. */
const FIRST = ['water_level', 'rain_intensity', 'rain', 'tilt', 'lane', 'pm2_5', 'temperature'];

export function streamKey(s: { station: string; channel: string; quantity: string }): string {
  return `${s.station}/${s.channel}/${s.quantity}`;
}

/** Replaces everything but the trails, which survive a reconnection. */
export function applySnapshot(held: LiveState, snapshot: Snapshot): LiveState {
  const empty: LiveState = { ...EMPTY, trails: held.trails };
  const merged = applyDiff(empty, snapshot);
  return snapshot.alarms.reduceRight(applyAlarm, merged);
}

/** Merges what changed. A reading older than the one held is not news and is left out. */
export function applyDiff(held: LiveState, diff: Diff): LiveState {
  let dropped = held.dropped;
  const stations = new Map(held.stations);
  for (const station of diff.stations ?? []) {
    if (!stations.has(station.id) && stations.size >= MAX_STATIONS) dropped += 1;
    else stations.set(station.id, station);
  }

  const latest = new Map(held.latest);
  const trails = new Map(held.trails);
  const grown = new Set<string>();
  for (const reading of diff.latest ?? []) {
    const key = streamKey(reading);
    const before = latest.get(key);
    if (before && isOlder(reading.time, before.time)) continue;
    if (!before) {
      if (latest.size >= MAX_STREAMS) {
        dropped += 1;
        continue;
      }
      grown.add(reading.station);
    }
    latest.set(key, reading);
    if (reading.value !== null && before?.time !== reading.time) {
      trails.set(key, [...(trails.get(key) ?? []), reading.value].slice(-MAX_TRAIL));
    }
  }
  const streams = grown.size > 0 ? grouped(latest) : held.streams;
  return { ...held, stations, latest, streams, trails, dropped };
}

/**
 * Adds or replaces one alarm. The feed's order decides, not the alarm's times: those are of the
 * readings, and an alarm may change without a reading or by a late one.
 */
export function applyAlarm(held: LiveState, alarm: Alarm): LiveState {
  const alarms = new Map(held.alarms).set(alarm.id, alarm);
  if (alarms.size <= MAX_ALARMS) return { ...held, alarms };
  const victim = [...alarms.values()].reduce((a, b) => (expendable(b) < expendable(a) ? b : a));
  alarms.delete(victim.id);
  return { ...held, alarms, dropped: held.dropped + 1 };
}

/**
 * Takes an alarm from the answer to what was done with it. On its way the feed may have told of
 * a later reading already, which then stands.
 */
export function applyAnswer(held: LiveState, alarm: Alarm): LiveState {
  const before = held.alarms.get(alarm.id);
  if (before && isOlder(alarm.updated_at, before.updated_at)) return held;
  return applyAlarm(held, alarm);
}

/** Lower goes first: cleared before raised, then the one longest unchanged. */
function expendable(alarm: Alarm): number {
  const raised = alarm.state === 'raised' ? 1e15 : 0;
  return raised + Date.parse(alarm.updated_at);
}

function isOlder(a: string, b: string): boolean {
  return Date.parse(a) < Date.parse(b);
}

function grouped(latest: ReadonlyMap<string, Latest>): Map<string, readonly string[]> {
  const groups = new Map<string, Latest[]>();
  for (const reading of latest.values()) {
    const group = groups.get(reading.station);
    if (group) group.push(reading);
    else groups.set(reading.station, [reading]);
  }
  const sorted = new Map<string, readonly string[]>();
  for (const [station, group] of groups) {
    group.sort((a, b) => rank(a.channel) - rank(b.channel) || compare(a.channel, b.channel));
    sorted.set(station, group.map(streamKey));
  }
  return sorted;
}

function rank(channel: string): number {
  const found = FIRST.findIndex((prefix) => channel.startsWith(prefix));
  return found < 0 ? FIRST.length : found;
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
