import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { AlarmDialog, asking } from './alarms/dialog.tsx';
import { DrillDialog, drilling } from './alarms/drill.tsx';
import { AlarmList } from './alarms/list.tsx';
import { arrange, headlineOf } from './alarms/order.ts';
import { Banner } from './banner.tsx';
import { connection, live, newAlarm, now } from './centre.ts';
import { ChartPanel } from './chart/panel.tsx';
import { listenToKeys } from './commands.ts';
import { Header } from './header.tsx';
import { Help } from './help.tsx';
import { useWords } from './i18n/current.ts';
import type { Key } from './i18n/language.ts';
import { lookAtSomething } from './looking.ts';
import { MapPanel } from './map/panel.tsx';
import { StationList } from './stations/list.tsx';
import { useStore } from './store.ts';

export function App(): JSX.Element {
  const { language } = useWords();
  const lost = useStore(connection, (c) => c.kind === 'lost');
  const question = useStore(asking);
  const drill = useStore(drilling);
  const [help, setHelp] = useState(false);

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEffect(() => listenToKeys(() => setHelp(true)), []);
  useEffect(() => {
    lookAtSomething(live.value);
    return live.subscribe(() => lookAtSomething(live.value));
  }, []);

  return (
    <div class={`page ${lost ? 'is-lost' : ''}`}>
      <Header help={() => setHelp(true)} />
      <Banner />
      <main>
        <StationList />
        <MapPanel />
        <ChartPanel />
        <AlarmList />
      </main>
      <Jumps />
      <Announcer />
      {help && <Help close={() => setHelp(false)} />}
      {drill && <DrillDialog />}
      {question && <AlarmDialog key={question.alarm.id + question.kind} {...question} />}
    </div>
  );
}

const PARTS: readonly (readonly [id: string, name: Key])[] = [
  ['map', 'nav.map'],
  ['stations', 'nav.stations'],
  ['chart', 'nav.chart'],
  ['alarms', 'nav.alarms'],
];

/** On a phone: the parts of the page, one under the other, and how to get to each. */
function Jumps(): JSX.Element {
  const { t } = useWords();
  const active = useActiveCount();
  return (
    <nav class="jumps" aria-label={t('nav.label')}>
      {PARTS.map(([id, name]) => (
        <button key={id} type="button" onClick={() => document.getElementById(id)?.scrollIntoView()}>
          {t(name)}
          {id === 'alarms' && active > 0 && <span class="badge">{active}</span>}
        </button>
      ))}
    </nav>
  );
}

/** Tells a screen reader of a new alarm, and the window's title how many wait for somebody. */
function Announcer(): JSX.Element {
  const { t, language } = useWords();
  const alarm = useStore(newAlarm);
  const active = useActiveCount();
  useEffect(() => {
    document.title = active > 0 ? `(${active}) ${t('app.title')}` : t('app.title');
  }, [active, language]);
  return (
    <p class="visually-hidden" role="status">
      {alarm && t('alarms.announce', { headline: headlineOf(alarm, language) })}
    </p>
  );
}

function useActiveCount(): number {
  const alarms = useStore(live, (s) => s.alarms);
  const moment = useStore(now, (ms) => Math.floor((ms ?? 0) / 10_000));
  return useMemo(() => arrange(alarms.values(), now.value ?? 0).active.length, [alarms, moment]);
}
