import type { JSX } from 'preact';
import type { Alarm } from '../contract.ts';
import { useWords } from '../i18n/current.ts';

/** The level, or for an alarm about silence that it is one. */
export function LevelChip({ alarm }: { alarm: Pick<Alarm, 'level'> }): JSX.Element {
  const { t } = useWords();
  const text = alarm.level > 0 ? t('level.short', { level: alarm.level }) : t('alarms.noData');
  return <span class={`chip level-${alarm.level}`}>{text}</span>;
}
