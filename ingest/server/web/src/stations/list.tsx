import type { JSX, RefObject } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { connection, live } from '../centre.ts';
import { useWords } from '../i18n/current.ts';
import { selection } from '../looking.ts';
import { useStore } from '../store.ts';
import { matches, orderStations } from './order.ts';
import { StationRow } from './row.tsx';

/** From this many on, searching is quicker than looking. */
const SEARCH_FROM = 7;
/** Rows put on the page at once; the next ones follow when the end comes into view. */
const PAGE = 50;

export function StationList(): JSX.Element {
  const { t } = useWords();
  const stations = useStore(live, (s) => s.stations);
  const dropped = useStore(live, (s) => s.dropped);
  const selected = useStore(selection, (s) => s.station);
  const connecting = useStore(connection, (c) => c.kind === 'connecting');
  const [query, setQuery] = useState('');
  const ordered = useMemo(() => orderStations(stations.values()), [stations]);
  const found = query ? ordered.filter((s) => matches(s, query)) : ordered;
  const { limit, end } = useGrowingLimit(query);
  const needed = found.findIndex((s) => s.id === selected) + 1;
  const shown = found.slice(0, Math.max(limit, needed));

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
        {ordered.length > 0 && found.length === 0 && <p class="note">{t('stations.noMatch')}</p>}
        <ul class="station-list">
          {shown.map((station) => (
            <StationRow key={station.id} station={station} open={station.id === selected} />
          ))}
        </ul>
        {shown.length < found.length && <p class="note" ref={end}>…</p>}
      </div>
    </section>
  );
}

/** How many rows to show: a page more each time `end` is seen, and one page again for a new search. */
function useGrowingLimit(query: string): { limit: number; end: RefObject<HTMLParagraphElement | null> } {
  const [limit, setLimit] = useState(PAGE);
  const end = useRef<HTMLParagraphElement>(null);
  useEffect(() => setLimit(PAGE), [query]);
  useEffect(() => {
    if (!end.current) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setLimit((n) => n + PAGE);
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  });
  return { limit, end };
}
