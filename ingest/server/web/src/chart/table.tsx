import type { JSX } from 'preact';
import type { Station } from '../contract.ts';
import { channelName, formatMoment, formatNumber, formatUnit, stationName } from '../format.ts';
import { useWords } from '../i18n/current.ts';
import { styleOf } from '../quantities.ts';
import type { Shown } from './loader.ts';

/** Rows put on the page; the CSV file has no limit. */
const MAX_ROWS = 300;

/** The chart as a table, newest first. */
export function ReadingTable({ shown, station }: { shown: Shown; station: Station }): JSX.Element {
  const { t, language } = useWords();
  const style = styleOf(shown.quantity);
  const unit = formatUnit(shown.unit, shown.quantity, language);
  const number = (v: number | null | undefined): string => formatNumber(v ?? null, style.resolution, language);
  const ranged = shown.window.step !== null && !style.amount;
  const counted = shown.window.step !== null;
  const rows = shown.points.slice(-MAX_ROWS).reverse();
  return (
    <div class="table-host" tabIndex={0} role="region" aria-label={t('chart.asTable')}>
      <table>
        <caption>
          {t('table.caption', {
            station: stationName(station, language),
            channel: channelName(shown, language),
          })}
          {shown.points.length > MAX_ROWS && (
            <> · {t('table.more', { shown: MAX_ROWS, count: shown.points.length })}</>
          )}
        </caption>
        <thead>
          <tr>
            <th scope="col">{t('table.time')}</th>
            <th scope="col" class="number">
              {t('table.value')} {unit && `(${unit})`}
            </th>
            {ranged && <th scope="col" class="number">{t('table.min')}</th>}
            {ranged && <th scope="col" class="number">{t('table.max')}</th>}
            {counted && <th scope="col" class="number">{t('table.count')}</th>}
            <th scope="col">{t('table.quality')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((point) => (
            <tr key={point.t} class={`quality-row-${point.quality}`}>
              <td>{formatMoment(point.t * 1000, language)}</td>
              <td class="number">{number(point.value)}</td>
              {ranged && <td class="number">{number(point.low)}</td>}
              {ranged && <td class="number">{number(point.high)}</td>}
              {counted && <td class="number">{point.count ?? 0} ({point.good ?? 0})</td>}
              <td>
                {point.quality === 3 && '△ '}
                {point.quality === 4 && '✕ '}
                {t(`quality.${point.quality}`)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
