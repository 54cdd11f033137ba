/** When alarms of a channel were raised, changed and ended, for its chart. Pure. */
import type { Alarm } from '../contract.ts';

export interface AlarmMark {
  readonly t: number;
  /** Decides the colour; 0 is no alarm any more. */
  readonly level: number;
  readonly text: string;
}

/**
 * An alarm tells its beginning, its last transition and its end, but a level only for the last: so
 * the level stands at the transition that led to it, and a beginning before that has a plain sign.
 */
export function alarmMarks(
  alarms: Iterable<Alarm>,
  stream: { readonly station: string; readonly channel: string },
): AlarmMark[] {
  const marks: AlarmMark[] = [];
  for (const alarm of alarms) {
    if (alarm.drill || alarm.station !== stream.station || alarm.channel !== stream.channel) continue;
    const raised = Date.parse(alarm.raised_at) / 1000;
    const updated = Date.parse(alarm.updated_at) / 1000;
    const { level } = alarm;
    if (alarm.state === 'raised' && updated <= raised) {
      marks.push({ t: raised, level, text: level > 0 ? String(level) : '?' });
      continue;
    }
    marks.push({ t: raised, level, text: '!' });
    if (alarm.state === 'raised') marks.push({ t: updated, level, text: level > 0 ? String(level) : '?' });
    else marks.push({ t: Date.parse(alarm.cleared_at ?? alarm.updated_at) / 1000, level: 0, text: '✓' });
  }
  return marks;
}
