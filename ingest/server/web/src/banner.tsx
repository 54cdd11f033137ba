import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { connection, heardAt, retryNow } from './centre.ts';
import { formatTime } from './format.ts';
import { useWords } from './i18n/current.ts';
import { useStore } from './store.ts';

/** Says that the page has lost the server: nothing below it is current any more. */
export function Banner(): JSX.Element {
  const { t, language } = useWords();
  const state = useStore(connection);
  const heard = useStore(heardAt);
  return (
    <div role="alert" class="banner-place">
      {state.kind === 'lost' && (
        <div class="banner" data-banner>
          <strong>⚠ {t('feed.lost')}.</strong>{' '}
          {heard === null
            ? t('feed.never')
            : t('feed.banner', { time: formatTime(heard, 'clock', language) })}
          {/* Counting aloud would drown everything else a screen reader says. */}
          <span aria-live="off">
            <Countdown to={state.retryMs} />
          </span>
          <button type="button" onClick={retryNow}>
            {t('feed.retry')}
          </button>
        </div>
      )}
    </div>
  );
}

function Countdown({ to }: { to: number }): JSX.Element {
  const { t } = useWords();
  const [ms, setMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setMs(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.ceil((to - ms) / 1000));
  return <> {t('feed.retryIn', { seconds })} </>;
}
