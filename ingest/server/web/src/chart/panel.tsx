import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Latest } from '../contract.ts';
import { live, now, snapshots } from '../centre.ts';
import { channelName, formatMoment, formatSpan, formatValue, stationName } from '../format.ts';
import { useWords } from '../i18n/current.ts';
import { look, selection } from '../looking.ts';
import { Age, QualityMark } from '../stations/row.tsx';
import { Store, useStore } from '../store.ts';
import { styleOf } from '../quantities.ts';
import { ChartCanvas } from './canvas.tsx';
import { fetchHistory, historyUrl } from './history.ts';
import { SeriesLoader, sameSeries, type Wanted } from './loader.ts';
import type { Readout } from './plot.ts';
import { ReadingTable } from './table.tsx';
import { WINDOW_NAMES, windowNamed, type WindowName } from './window.ts';

/** Whether the chart is shown as a table; the keyboard changes it too. */
export const asTable = new Store(false);

export function ChartPanel(): JSX.Element {
  const { t, language } = useWords();
  const chosen = useStore(selection);
  const table = useStore(asTable);
  const latest = useStore(live, (s) => latestOf(s.latest, s.streams.get(chosen.station ?? ''), chosen.channel));
  const station = useStore(live, (s) => s.stations.get(chosen.station ?? ''));
  const [readout, setReadout] = useState<Readout | null>(null);
  const loader = useLoader(latest, chosen.window);
  const shown = useStore(loader.shown);
  const status = useStore(loader.status);

  if (!latest || !station) {
    return (
      <section class="panel chart" aria-labelledby="chart-title" id="chart">
        <h2 id="chart-title" class="visually-hidden">
          {t('chart.title')}
        </h2>
        <p class="note centre">{t('chart.none')}</p>
      </section>
    );
  }

  const wanted = wantedOf(latest, chosen.window);
  const stale = shown !== null && !sameSeries(shown, wanted);
  const title = channelName(latest, language);
  return (
    <section class="panel chart" aria-labelledby="chart-title" id="chart">
      <div class="chart-head">
        <div class="chart-title">
          <h2 id="chart-title">
            {title} <small>{stationName(station, language)}</small>
          </h2>
          <p class="chart-now" data-now>
            <strong>{formatValue(latest.value, latest, language)}</strong>
            <QualityMark latest={latest} /> <Age time={latest.time} />
          </p>
        </div>
        <div class="chart-tools">
          <div class="segments" role="group" aria-label={t('chart.window')}>
            {WINDOW_NAMES.map((window) => (
              <button
                key={window}
                type="button"
                aria-pressed={window === chosen.window}
                onClick={() => look({ window })}
              >
                {t(`chart.window.${window}`)}
              </button>
            ))}
          </div>
          <div class="segments">
            <button type="button" aria-pressed={!table} onClick={() => asTable.set(false)}>
              {t('chart.asChart')}
            </button>
            <button type="button" aria-pressed={table} onClick={() => asTable.set(true)}>
              {t('chart.asTable')}
            </button>
          </div>
          <a class="button csv" href={csvUrl(wanted)} download={`${wanted.station}-${wanted.channel}.csv`} title={t('chart.csv')}>
            CSV
          </a>
        </div>
      </div>
      {status.kind === 'failed' && (
        <p class="note failed" role="status">
          {t('chart.failed', { reason: status.reason || t('dialog.unreachable') })}
        </p>
      )}
      {shown?.truncated && (
        <p class="note">{t('chart.truncated', { count: shown.points.length })}</p>
      )}
      <div class={`chart-body ${stale ? 'stale' : ''}`}>
        {shown && table && <ReadingTable shown={shown} station={station} />}
        {shown && !table && <ChartCanvas shown={shown} station={station} read={setReadout} />}
        {(stale || (!shown && status.kind === 'loading')) && <p class="chart-over">{t('chart.loading')}</p>}
        {shown && !stale && shown.points.length === 0 && <p class="chart-over">{t('chart.empty')}</p>}
      </div>
      {!table && <Key wanted={wanted} readout={readout} />}
    </section>
  );
}

/** What the lines and marks mean, and the reading under the cursor. */
function Key({ wanted, readout }: { wanted: Wanted; readout: Readout | null }): JSX.Element {
  const { t, language } = useWords();
  const { step } = wanted.window;
  const amount = styleOf(wanted.quantity).amount === true;
  const span = step === null ? '' : formatSpan(step, language);
  const name = step === null ? t('chart.good') : t(amount ? 'chart.sum' : 'chart.mean', { step: span });
  return (
    <div class="chart-key">
      <p class="readout" aria-live="polite" data-readout>
        {readout && (
          <>
            <time>{formatMoment(readout.t * 1000, language)}</time>{' '}
            <b>{formatValue(readout.value, wanted, language, true)}</b>
            {readout.low !== null && readout.high !== null && (
              <>
                {' '}
                ({formatValue(readout.low, wanted, language)} – {formatValue(readout.high, wanted, language)})
              </>
            )}
            {readout.kind && <> {t(readout.kind === 'suspect' ? 'quality.3' : 'quality.4')}</>}
          </>
        )}
      </p>
      <span class={amount ? 'key key-bar' : 'key key-line'}>{name}</span>
      {step !== null && !amount && <span class="key key-band">{t('chart.range')}</span>}
      <span class="key key-suspect">{t('chart.suspect')}</span>
      <span class="key key-fail">{t('chart.fail')}</span>
      <span class="key key-gap">{t('chart.gap')}</span>
    </div>
  );
}

function useLoader(latest: Latest | undefined, window: WindowName): SeriesLoader {
  const loader = useMemo(
    () =>
      new SeriesLoader({
        fetch: fetchHistory,
        nowS: () => (now.value ?? Date.now()) / 1000,
      }),
    [],
  );
  useEffect(() => () => loader.stop(), [loader]);
  const id = latest ? `${latest.station}/${latest.channel}/${latest.quantity}/${window}` : '';
  useEffect(() => {
    if (latest) loader.show(wantedOf(latest, window));
  }, [id]);
  useEffect(() => {
    if (latest) loader.hear(latest);
  }, [latest]);
  // After a reconnection, what was missed is in the history.
  useEffect(() => {
    let seen = snapshots.value;
    return snapshots.subscribe(() => {
      if (snapshots.value > seen) loader.reload();
      seen = snapshots.value;
    });
  }, [loader]);
  return loader;
}

function wantedOf(latest: Latest, window: WindowName): Wanted {
  const { station, channel, quantity, unit } = latest;
  return { station, channel, quantity, unit, window: windowNamed(window, styleOf(quantity).amount === true) };
}

function latestOf(
  all: ReadonlyMap<string, Latest>,
  keys: readonly string[] | undefined,
  channel: string | null,
): Latest | undefined {
  const key = keys?.find((k) => all.get(k)?.channel === channel);
  return key === undefined ? undefined : all.get(key);
}

function csvUrl(wanted: Wanted): string {
  const to = Math.ceil((now.value ?? Date.now()) / 60_000) * 60;
  const amount = styleOf(wanted.quantity).amount === true;
  return historyUrl(wanted, to - wanted.window.seconds - 60, to, wanted.window.step, amount, 'csv');
}
