/** Where in the list an alarm belongs. Pure. */
import type { Alarm } from '../contract.ts';
import type { Language } from '../i18n/language.ts';

export type Place = 'active' | 'acked' | 'shelved' | 'cleared';
export const PLACES: readonly Place[] = ['active', 'acked', 'shelved', 'cleared'];

/** A shelving that has run out counts no more; an alarm that is over is over. */
export function placeOf(alarm: Alarm, nowMs: number): Place {
  if (alarm.state === 'cleared') return 'cleared';
  if (alarm.shelved && Date.parse(alarm.shelved.until) > nowMs) return 'shelved';
  return alarm.acked ? 'acked' : 'active';
}

/** Each place's alarms: the gravest first, then the newest; what is over, by when it ended. */
export function arrange(alarms: Iterable<Alarm>, nowMs: number): Record<Place, Alarm[]> {
  const places: Record<Place, Alarm[]> = { active: [], acked: [], shelved: [], cleared: [] };
  for (const alarm of alarms) places[placeOf(alarm, nowMs)].push(alarm);
  const newest = (a: Alarm, b: Alarm): number => Date.parse(b.raised_at) - Date.parse(a.raised_at);
  for (const place of ['active', 'acked', 'shelved'] as const) {
    places[place].sort((a, b) => b.level - a.level || newest(a, b));
  }
  places.cleared.sort(
    (a, b) => Date.parse(b.cleared_at ?? b.updated_at) - Date.parse(a.cleared_at ?? a.updated_at),
  );
  return places;
}

/** The headline in the language asked for, else Vietnamese, else whatever there is. */
export function headlineOf(alarm: Alarm, language: Language): string {
  const { vi, en, zh } = alarm.headline;
  return alarm.headline[language] || vi || en || zh || alarm.rule;
}
