import type { JSX } from 'preact';
import type { Health, Latest, Station } from '../contract.ts';
import { connection, heardAt, live, now } from '../centre.ts';
import { channelName, formatAge, formatTime, formatValue, stationName } from '../format.ts';
import { useWords } from '../i18n/current.ts';
import { ageSeconds } from '../live/clock.ts';
import { look, lookAtStation, selection } from '../looking.ts';
import { levelOf } from '../map/pin.ts';
import { StateShape } from '../map/shape.tsx';
import { useStore } from '../store.ts';
import { remarks } from './health.ts';
import { Sparkline } from './sparkline.tsx';

/** Values shown of a station that is not opened. */
const GLIMPSE = 3;

export function StationRow({ station, open }: { station: Station; open: boolean }): JSX.Element {
  const { t, language } = useWords();
  const name = stationName(station, language);
  const keys = useStore(live, (s) => s.streams.get(station.id)) ?? [];
  const level = levelOf(station);
  const streamsId = `streams-${station.id}`;
  return (
    <li class={`station ${open ? 'open' : ''}`} data-station={station.id}>
      <button
        type="button"
        class="station-head"
        aria-expanded={open}
        aria-controls={streamsId}
        onClick={() => lookAtStation(live.value, station.id)}
      >
        <StateShape state={station.state} size={22} />
        <span class="station-name">{name}</span>
        {level > 0 && <span class={`chip level-${level}`}>{t('level.short', { level })}</span>}
        <StationState station={station} />
        <Age time={station.last_seen} />
      </button>
      {!open && (
        <p class="glimpse">
          {keys.slice(0, GLIMPSE).map((key) => (
            <Glimpse key={key} stream={key} />
          ))}
        </p>
      )}
      {open && station.health && <HealthLine health={station.health} />}
      <ul class="streams" id={streamsId} hidden={!open} aria-label={t('stations.streams', { station: name })}>
        {open && keys.map((key) => <StreamRow key={key} stream={key} />)}
        {open && keys.length === 0 && <li class="note">{t('stations.noStreams')}</li>}
      </ul>
    </li>
  );
}

/** A state is only as good as the connection it came over; without one it says when it was true. */
function StationState({ station }: { station: Station }): JSX.Element {
  const { t, language } = useWords();
  const lost = useStore(connection, (c) => c.kind === 'lost');
  const heard = useStore(heardAt);
  return (
    <span class="station-state">
      <span class={`state-text state-${station.state}`}>{t(`state.${station.state}`)}</span>
      {!station.online && station.state !== 'never' && <> · {t('state.offline')}</>}
      {lost && heard !== null && <> · {t('state.asOf', { time: formatTime(heard, 'clock', language) })}</>}
      {!lost && station.commune && <> · {station.commune}</>}
    </span>
  );
}

/** How the node says it is, and how long ago it said so. */
function HealthLine({ health }: { health: Health }): JSX.Element | null {
  const { t, language } = useWords();
  const said = remarks(health, language);
  if (said.length === 0) return null;
  return (
    <p class="health" data-health>
      <span class="health-title">{t('health.title')}</span>
      {said.map(({ text, wrong }) => (
        <span key={text} class={wrong ? 'wrong' : ''}>
          {wrong ? `△ ${text}` : text}
        </span>
      ))}
      <Age time={health.heard} />
    </p>
  );
}

/** Ticks every second against the server's clock, whether or not anything arrives. */
export function Age({ time }: { time: string | null }): JSX.Element {
  const { t, language } = useWords();
  const age = useStore(now, (ms) => formatAge(ageSeconds(time, ms), language));
  const title = time === null ? t('stations.neverSeen') : t('stations.lastSeen', { age });
  return (
    <span class="age" title={title} data-age>
      {time === null ? t('stations.neverSeen') : age}
    </span>
  );
}

function Glimpse({ stream }: { stream: string }): JSX.Element | null {
  const { language } = useWords();
  const latest = useStore(live, (s) => s.latest.get(stream));
  if (!latest) return null;
  return (
    <span class="glimpse-item" data-value={stream}>
      {channelName(latest, language)} <b>{formatValue(latest.value, latest, language)}</b>
    </span>
  );
}

function StreamRow({ stream }: { stream: string }): JSX.Element | null {
  const { t, language } = useWords();
  const latest = useStore(live, (s) => s.latest.get(stream));
  const trail = useStore(live, (s) => s.trails.get(stream));
  const chosen = useStore(
    selection,
    (s) => latest !== undefined && s.station === latest.station && s.channel === latest.channel,
  );
  if (!latest) return null;
  return (
    <li>
      <button
        type="button"
        class="stream"
        aria-pressed={chosen}
        onClick={() => look({ station: latest.station, channel: latest.channel })}
      >
        <span class="stream-name">{channelName(latest, language)}</span>
        <Sparkline values={trail ?? []} />
        <span class={`stream-value quality-${latest.quality}`} data-value={stream}>
          {formatValue(latest.value, latest, language)}
        </span>
        <span class="stream-foot">
          <QualityMark latest={latest} />
          <Age time={latest.time} />
        </span>
        <span class="visually-hidden">{t('alarms.show')}</span>
      </button>
    </li>
  );
}

/** Says nothing of a good value; names what is wrong with any other. */
export function QualityMark({ latest }: { latest: Pick<Latest, 'quality' | 'tests'> }): JSX.Element | null {
  const { t } = useWords();
  if (latest.quality === 1 || latest.quality === 2) return null;
  const sign = latest.quality === 3 ? '△' : '✕';
  return (
    <span class={`quality-mark quality-${latest.quality}`} title={latest.tests.join(', ')}>
      {sign} {t(`quality.${latest.quality}`)}
    </span>
  );
}
