import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Alarm } from '../contract.ts';
import { live, now } from '../centre.ts';
import { useWords } from '../i18n/current.ts';
import { useStore } from '../store.ts';
import { AlarmCard } from './card.tsx';
import { drilling } from './drill.tsx';
import { Foreign } from './foreign.tsx';
import { arrange, PLACES, type Place } from './order.ts';

/** Ended alarms put on the page; the interface has all of them. */
const MAX_CLEARED = 20;

export function AlarmList(): JSX.Element {
  const { t } = useWords();
  const alarms = useStore(live, (s) => s.alarms);
  // Only the minute matters here: a shelving runs out by the clock, not by an event.
  const minute = useStore(now, (ms) => Math.floor((ms ?? 0) / 10_000));
  const places = useMemo(() => arrange(alarms.values(), now.value ?? 0), [alarms, minute]);
  const raised = places.active.length + places.acked.length;
  return (
    <section class="panel alarms" aria-labelledby="alarms-title" id="alarms">
      <div class="panel-head">
        <h2 id="alarms-title">{t('alarms.title')}</h2>
        {places.active.length > 0 && <span class="badge">{places.active.length}</span>}
        <button type="button" class="begin-drill" onClick={() => drilling.set(true)}>
          {t('alarms.beginDrill')}
        </button>
      </div>
      <div class="panel-body" tabIndex={-1}>
        {raised === 0 && <p class="note calm">✓ {t('alarms.none')}</p>}
        {PLACES.map((place) => (
          <Group key={place} place={place} alarms={places[place]} />
        ))}
        <Foreign />
      </div>
    </section>
  );
}

function Group({ place, alarms }: { place: Place; alarms: readonly Alarm[] }): JSX.Element | null {
  const { t } = useWords();
  if (alarms.length === 0) return null;
  const shown = place === 'cleared' ? alarms.slice(0, MAX_CLEARED) : alarms;
  const rest = alarms.length - shown.length;
  return (
    <>
      <h3>
        {t(`alarms.${place}`)} <span class="muted">{alarms.length}</span>
      </h3>
      <ul class={`alarm-list place-${place}`}>
        {shown.map((alarm) => (
          <AlarmCard key={alarm.id} alarm={alarm} place={place} />
        ))}
      </ul>
      {rest > 0 && <p class="note">{t('alarms.more', { count: rest })}</p>}
    </>
  );
}
