import type { JSX } from 'preact';
import type { Alarm } from '../contract.ts';
import { live, now } from '../centre.ts';
import { formatAge, formatTime, formatUnit, formatValue, stationName } from '../format.ts';
import { useWords } from '../i18n/current.ts';
import { ageSeconds } from '../live/clock.ts';
import { lookAtStation } from '../looking.ts';
import { useStore } from '../store.ts';
import { ApprovalNote } from './approval.tsx';
import { asking } from './dialog.tsx';
import { LevelChip } from './level_chip.tsx';
import { headlineOf, type Place } from './order.ts';
import { Receipts } from './receipts.tsx';

export function AlarmCard({ alarm, place }: { alarm: Alarm; place: Place }): JSX.Element {
  const { t, language } = useWords();
  const station = useStore(live, (s) => s.stations.get(alarm.station));
  const clock = (time: string): string => formatTime(Date.parse(time), 'clock', language);
  return (
    <li class={`alarm level-edge-${alarm.level}`} data-alarm={alarm.id}>
      <div class="alarm-head">
        <LevelChip alarm={alarm} />
        {alarm.level > 0 && <span class="muted">{t(`severity.${alarm.severity}`)}</span>}
        {alarm.no_data && alarm.level > 0 && (
          <span class="tag" title={t('alarms.noDataWhy')}>
            {t('alarms.noData')}
          </span>
        )}
        {alarm.drill && (
          <span class="tag tag-drill" title={t('alarms.drillWhy')}>
            {t('alarms.drill')}
          </span>
        )}
        {alarm.unofficial && (
          <span class="tag" title={t('alarms.unofficialWhy')}>
            {t('alarms.unofficial')}
          </span>
        )}
        <span class="alarm-value">{valueOf(alarm, language)}</span>
      </div>
      <p class="alarm-headline">{headlineOf(alarm, language)}</p>
      <p class="alarm-foot">
        <button type="button" class="link" onClick={() => lookAtStation(live.value, alarm.station, alarm.channel)} title={t('alarms.show')}>
          {station ? stationName(station, language) : alarm.station}
        </button>{' '}
        · {place === 'cleared' && alarm.cleared_at ? (
          t('alarms.lasted', { from: clock(alarm.raised_at), to: clock(alarm.cleared_at) })
        ) : (
          <Since time={alarm.raised_at} />
        )}{' '}
        · <span title={t('alarms.rule', { rule: alarm.rule, version: alarm.version })}>{t(`alarms.source.${alarm.source}`)}</span>
        {alarm.cap && (
          <>
            {' '}
            ·{' '}
            <a href={alarm.cap} title={t('alarms.cap')}>
              CAP
            </a>
          </>
        )}
      </p>
      {alarm.acked && (
        <p class="alarm-deed">
          ✓ {t('alarms.ackedBy', { by: alarm.acked.by, time: clock(alarm.acked.at) })}
          {alarm.acked.comment && <q>{alarm.acked.comment}</q>}
        </p>
      )}
      {alarm.shelved && place === 'shelved' && (
        <p class="alarm-deed">
          ⏸ {t('alarms.shelvedBy', { by: alarm.shelved.by, time: clock(alarm.shelved.until) })}
          {alarm.shelved.comment && <q>{alarm.shelved.comment}</q>}
        </p>
      )}
      <ApprovalNote alarm={alarm} />
      {alarm.all_clear && (
        <p class="alarm-deed">
          ✓ {t('alarms.allClearBy', { by: alarm.all_clear.by, time: clock(alarm.all_clear.at) })}
          {alarm.all_clear.comment && <q>{alarm.all_clear.comment}</q>}
        </p>
      )}
      <Receipts alarm={alarm} />
      {place !== 'cleared' && (
        <div class="alarm-buttons">
          {!alarm.acked && (
            <button type="button" class="primary" onClick={() => asking.set({ alarm, kind: 'ack' })}>
              {t('alarms.ack')}
            </button>
          )}
          {place !== 'shelved' && (
            <button type="button" onClick={() => asking.set({ alarm, kind: 'shelve' })}>
              {t('alarms.shelve')}
            </button>
          )}
          {alarm.approval?.state === 'waiting' && (
            <>
              <button type="button" class="grave" onClick={() => asking.set({ alarm, kind: 'approve' })}>
                {t('alarms.approve')}
              </button>
              <button type="button" onClick={() => asking.set({ alarm, kind: 'reject' })}>
                {t('alarms.reject')}
              </button>
            </>
          )}
          {alarm.level > 0 && (
            <button type="button" onClick={() => asking.set({ alarm, kind: 'all-clear' })}>
              {t('alarms.all-clear')}
            </button>
          )}
        </div>
      )}
    </li>
  );
}

function Since({ time }: { time: string }): JSX.Element {
  const { t, language } = useWords();
  const age = useStore(now, (ms) => formatAge(ageSeconds(time, ms), language));
  return (
    <>
      {t('alarms.since', { time: formatTime(Date.parse(time), 'clock', language) })} ({age})
    </>
  );
}

/** An alarm does not say its quantity; its channel's latest reading does. */
function valueOf(alarm: Alarm, language: Parameters<typeof formatUnit>[2]): string {
  if (alarm.value === null || alarm.level === 0) return '';
  const key = live.value.streams.get(alarm.station)?.find((k) => live.value.latest.get(k)?.channel === alarm.channel);
  const quantity = (key === undefined ? undefined : live.value.latest.get(key)?.quantity) ?? alarm.channel;
  return formatValue(alarm.value, { quantity, unit: alarm.unit }, language);
}
