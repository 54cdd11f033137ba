import type { JSX } from 'preact';
import { connection, live, now } from './centre.ts';
import { formatTime } from './format.ts';
import { chooseLanguage, useWords } from './i18n/current.ts';
import { LANGUAGES, OWN_NAMES } from './i18n/language.ts';
import { StateShape } from './map/shape.tsx';
import { countStates, STATES } from './stations/order.ts';
import { useStore } from './store.ts';

export function Header({ help }: { help: () => void }): JSX.Element {
  const { t, language } = useWords();
  return (
    <header class="top">
      <a class="skip" href="#stations" onClick={skipToStations}>
        {t('app.skip')}
      </a>
      <div class="brand">
        <img src="/favicon.svg" alt="" width={34} height={34} />
        <div>
          <h1>{t('app.title')}</h1>
          <p>{t('app.subtitle')}</p>
        </div>
      </div>
      <Counts />
      <div class="top-right">
        <FeedState />
        <Clock />
        <div class="languages" role="group" aria-label={t('app.language')}>
          {LANGUAGES.map((l) => (
            <button
              key={l}
              type="button"
              lang={l}
              aria-pressed={l === language}
              aria-label={OWN_NAMES[l]}
              title={OWN_NAMES[l]}
              onClick={() => chooseLanguage(l)}
            >
              {l.toUpperCase()}
            </button>
          ))}
        </div>
        <button type="button" class="round" onClick={help} title={t('app.help')} aria-label={t('app.help')}>
          ?
        </button>
      </div>
    </header>
  );
}

/** The address holds what is looked at, so the jump is made without it. */
function skipToStations(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#stations .station-head')?.focus();
}

function Counts(): JSX.Element {
  const { t } = useWords();
  const stations = useStore(live, (s) => s.stations);
  const counts = countStates(stations.values());
  return (
    <ul class="counts">
      {STATES.map((state) => (
        <li key={state} class={counts[state] > 0 ? '' : 'zero'}>
          <StateShape state={state} size={18} />
          <b>{counts[state]}</b> <span>{t(`state.${state}`)}</span>
        </li>
      ))}
    </ul>
  );
}

function FeedState(): JSX.Element {
  const { t } = useWords();
  const kind = useStore(connection, (c) => c.kind);
  return (
    <p class={`feed feed-${kind}`} data-feed={kind}>
      <span class="feed-mark" aria-hidden="true" />
      {t(`feed.${kind}`)}
    </p>
  );
}

function Clock(): JSX.Element {
  const { t, language } = useWords();
  const ms = useStore(now);
  return (
    <p class="clock" title={t('app.clock')}>
      <time>{formatTime(ms, 'clock', language)}</time>
      <span>
        {formatTime(ms, 'day', language)} · {t('app.localTime')}
      </span>
    </p>
  );
}
