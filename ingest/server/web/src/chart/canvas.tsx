import type { JSX } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import 'uplot/dist/uPlot.min.css';
import type { Station } from '../contract.ts';
import { live, now } from '../centre.ts';
import { channelName, formatValue, stationName } from '../format.ts';
import { useWords } from '../i18n/current.ts';
import { palette } from '../palette.ts';
import { styleOf } from '../quantities.ts';
import { useStore } from '../store.ts';
import { alarmMarks } from './alarm_marks.ts';
import type { Shown } from './loader.ts';
import { Plot, type Picture, type Readout } from './plot.ts';
import { extent, gapSeconds, toColumns } from './series.ts';

interface ChartCanvasProps {
  readonly shown: Shown;
  readonly station: Station;
  readonly read: (readout: Readout | null) => void;
}

export function ChartCanvas({ shown, station, read }: ChartCanvasProps): JSX.Element {
  const { t, language } = useWords();
  const colours = useStore(palette);
  const ms = useStore(now);
  const alarms = useStore(live, (s) => s.alarms);
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);

  const nowS = (ms ?? Date.now()) / 1000;
  const limit = useMemo(() => gapSeconds(shown.points, shown.window.step), [shown]);
  const picture: Picture = useMemo(
    () => ({
      columns: toColumns(shown.points, limit, nowS),
      from: nowS - shown.window.seconds,
      to: nowS,
      alarms: alarmMarks(alarms.values(), shown),
    }),
    [shown, limit, nowS, alarms],
  );
  const style = styleOf(shown.quantity);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const manner = {
      amount: style.amount === true,
      decimals: style.shown,
      language,
      palette: colours,
      gapText: t('chart.gap'),
    };
    const made = new Plot(element, manner, picture, read);
    plot.current = made;
    const observer = new ResizeObserver(() => made.resize(element));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shown.quantity, colours, language]);

  useEffect(() => plot.current?.draw(picture), [picture]);

  const range = useMemo(() => extent(shown.points), [shown]);
  const last = shown.points.at(-1)?.value ?? null;
  const summary = t('chart.summary', {
    station: stationName(station, language),
    channel: channelName(shown, language),
    value: formatValue(last, shown, language),
    min: formatValue(range?.min ?? null, shown, language),
    max: formatValue(range?.max ?? null, shown, language),
  });
  const step = (event: KeyboardEvent): void => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    event.preventDefault();
    plot.current?.step((event.key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? 10 : 1));
  };
  return (
    <div class="chart-host" ref={host} tabIndex={0} role="img" aria-label={summary} onKeyDown={step} data-chart />
  );
}
