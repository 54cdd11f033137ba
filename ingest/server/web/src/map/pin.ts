/** What the map shows of a station. Pure. */
import type { Station, StationState } from '../contract.ts';
import type { Language } from '../i18n/language.ts';
import type { LiveState } from '../live/state.ts';
import { formatValue, stationName } from '../format.ts';

export interface Pin {
  readonly id: string;
  readonly lon: number;
  readonly lat: number;
  readonly name: string;
  /** The value an operator looks for first, or an empty text. */
  readonly value: string;
  readonly state: StationState;
  readonly level: number;
  readonly selected: boolean;
}

export function pinsOf(
  state: LiveState,
  selected: string | null,
  language: Language,
): Pin[] {
  const pins: Pin[] = [];
  for (const station of state.stations.values()) {
    if (station.lat === null || station.lon === null) continue;
    pins.push({
      id: station.id,
      lon: station.lon,
      lat: station.lat,
      name: stationName(station, language),
      value: firstValue(state, station, language),
      state: station.state,
      level: levelOf(station),
      selected: station.id === selected,
    });
  }
  return pins;
}

/** A level outside 0 to 5 is shown as the nearest one there is. */
export function levelOf(station: Pick<Station, 'alarm_level'>): number {
  return Math.max(0, Math.min(5, Math.trunc(station.alarm_level) || 0));
}

function firstValue(state: LiveState, station: Station, language: Language): string {
  const key = state.streams.get(station.id)?.[0];
  const latest = key === undefined ? undefined : state.latest.get(key);
  if (!latest || latest.value === null || latest.quality === 4) return '';
  return formatValue(latest.value, latest, language);
}
