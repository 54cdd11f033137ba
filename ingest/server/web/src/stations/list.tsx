import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { connection, live } from '../centre.ts';
import { useWords } from '../i18n/current.ts';
import { selection } from '../looking.ts';
import { useStore } from '../store.ts';
import { matches, orderStations } from './order.ts';
import { StationRow } from './row.tsx';

/** From this many on, searching is quicker than looking. */
const SEARCH_FROM = 7;

export function StationList(): JSX.Element {
  const { t } = useWords();
  const stations = useStore(live, (s) => s.stations);
  const dropped = useStore(live, (s) => s.dropped);
  const selected = useStore(selection, (s) => s.station);
  const connecting = useStore(connection, (c) => c.kind === 'connecting');
  const [query, setQuery] = useState('');
  const ordered = useMemo(() => orderStations(stations.values()), [stations]);
  const shown = query ? ordered.filter((s) => matches(s, query)) : ordered;

  return (
    <section class="panel stations" aria-labelledby="stations-title" id="stations">
      <div class="panel-head">
        <h2 id="stations-title">{t('stations.title')}</h2>
        <span class="muted">{t('stations.count', { count: ordered.length })}</span>
        {ordered.length >= SEARCH_FROM && (
          <input
            type="search"
            value={query}
            placeholder={t('stations.search')}
            aria-label={t('stations.search')}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        )}
      </div>
      <div class="panel-body" tabIndex={-1}>
        {dropped > 0 && <p class="note">{t('stations.dropped', { count: dropped })}</p>}
        {ordered.length === 0 && (
          <p class="note">{t(connecting ? 'stations.waiting' : 'stations.none')}</p>
        )}
        {ordered.length > 0 && shown.length === 0 && <p class="note">{t('stations.noMatch')}</p>}
        <ul class="station-list">
          {shown.map((station) => (
            <StationRow key={station.id} station={station} open={station.id === selected} />
          ))}
        </ul>
      </div>
    </section>
  );
}
