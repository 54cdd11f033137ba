import type { JSX } from 'preact';
import { useWords } from './i18n/current.ts';
import { StateShape } from './map/shape.tsx';
import { STATES } from './stations/order.ts';

/** What shapes, colours and numbers mean; always on screen. */
export function Legend(): JSX.Element {
  const { t } = useWords();
  return (
    <aside class="legend" aria-label={t('legend.title')}>
      <div class="legend-group">
        <span class="legend-title">{t('legend.state')}</span>
        {STATES.map((state) => (
          <span key={state} class="legend-item">
            <StateShape state={state} /> {t(`state.${state}`)}
          </span>
        ))}
      </div>
      <div class="legend-group">
        <span class="legend-title">{t('legend.level')}</span>
        {[1, 2, 3, 4, 5].map((level) => (
          <span key={level} class={`chip level-${level}`}>
            {t('level.short', { level })}
          </span>
        ))}
      </div>
    </aside>
  );
}
