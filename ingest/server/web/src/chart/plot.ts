/** One uPlot, told what to draw; it is never taken away while new points are on their way. */
import uPlot from 'uplot';
import type { Language } from '../i18n/language.ts';
import { formatNumber, formatTime, TIME_ZONE } from '../format.ts';
import type { Palette } from '../palette.ts';
import { valueRange } from './range.ts';
import type { AlarmMark } from './alarm_marks.ts';
import type { Columns, Mark } from './series.ts';


export interface Picture {
  readonly columns: Columns;
  readonly from: number;
  readonly to: number;
  readonly alarms: readonly AlarmMark[];
}

/** What cannot change without a new plot. */
export interface Manner {
  readonly amount: boolean;
  readonly decimals: number;
  readonly language: Language;
  readonly palette: Palette;
  readonly gapText: string;
}

export interface Readout {
  readonly t: number;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly kind: Mark['kind'] | null;
}

const FONT = '12px system-ui, "Noto Sans", "Segoe UI", sans-serif';
const DAY_S = 86_400;

export class Plot {
  readonly #plot: uPlot;
  readonly #manner: Manner;
  #picture: Picture;

  constructor(host: HTMLElement, manner: Manner, picture: Picture, read: (r: Readout | null) => void) {
    this.#manner = manner;
    this.#picture = picture;
    const { width, height } = sizeOf(host);
    this.#plot = new uPlot(this.#options(width, height, read), this.#data(), host);
  }

  draw(picture: Picture): void {
    this.#picture = picture;
    this.#plot.setData(this.#data());
  }

  resize(host: HTMLElement): void {
    this.#plot.setSize(sizeOf(host));
  }

  /** Moves the cursor by whole readings, for the keyboard. */
  step(by: number): void {
    const { t, value } = this.#picture.columns;
    if (t.length === 0) return;
    let index = this.#plot.cursor.idx ?? t.length;
    do index += Math.sign(by);
    while (value[index] === null);
    index = Math.max(0, Math.min(t.length - 1, index));
    const at = t[index] ?? 0;
    const height = value[index] ?? null;
    this.#plot.setCursor({
      left: this.#plot.valToPos(at, 'x'),
      top: height === null ? 0 : this.#plot.valToPos(height, 'y'),
    });
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #data(): uPlot.AlignedData {
    const { t, value, low, high } = this.#picture.columns;
    return [t, high, low, value];
  }

  #options(width: number, height: number, read: (r: Readout | null) => void): uPlot.Options {
    const { palette, amount, decimals, language } = this.#manner;
    const axis = { stroke: palette.muted, font: FONT, grid: { stroke: palette.grid, width: 1 } };
    const bars = uPlot.paths.bars?.({ size: [0.85, 24, 1] });
    return {
      width,
      height,
      padding: [10, 14, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), TIME_ZONE),
      cursor: { drag: { x: false, y: false }, points: { size: 9 } },
      scales: {
        x: { time: true, range: () => [this.#picture.from, this.#picture.to] },
        y: { range: () => this.#range() },
      },
      axes: [
        {
          ...axis,
          ticks: { stroke: palette.grid, size: 5 },
          space: 74,
          size: 30,
          values: (_plot, splits, _index, _space, increment) =>
            splits.map((s) => timeLabel(s, increment, language)),
        },
        {
          ...axis,
          ticks: { show: false },
          size: 64,
          values: (_plot, splits, _index, _space, increment) =>
            splits.map((v) => formatNumber(v, neededDecimals(increment, decimals), language)),
        },
      ],
      series: [
        {},
        { stroke: 'transparent', points: { show: false } },
        { stroke: 'transparent', points: { show: false } },
        amount
          ? { stroke: palette.line, fill: palette.bar, width: 1, points: { show: false }, ...(bars ? { paths: bars } : {}) }
          : { stroke: palette.line, width: 2, points: { size: 5, fill: palette.line } },
      ],
      bands: amount ? [] : [{ series: [1, 2], fill: palette.band }],
      hooks: {
        drawAxes: [(plot) => this.#drawGaps(plot)],
        draw: [(plot) => this.#drawMarks(plot)],
        setCursor: [(plot) => read(this.#readout(plot.cursor.idx ?? null))],
      },
    };
  }

  #range(): [number, number] {
    const { value, low, high, marks } = this.#picture.columns;
    const suspects = marks.filter((m) => m.kind === 'suspect').map((m) => m.value);
    return valueRange([...chain(value, low, high, suspects)], this.#manner.decimals, this.#manner.amount);
  }

  #readout(index: number | null): Readout | null {
    const { t, value, low, high, marks } = this.#picture.columns;
    const at = index === null ? undefined : t[index];
    if (index === null || at === undefined) return null;
    const mark = marks.find((m) => m.t === at);
    return {
      t: at,
      value: value[index] ?? mark?.value ?? null,
      low: low[index] ?? null,
      high: high[index] ?? null,
      kind: mark?.kind ?? null,
    };
  }

  #drawGaps(plot: uPlot): void {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    for (const gap of this.#picture.columns.gaps) {
      const x0 = Math.max(left, plot.valToPos(gap.from, 'x', true));
      const x1 = Math.min(left + width, plot.valToPos(gap.to, 'x', true));
      if (x1 - x0 < 2) continue;
      ctx.save();
      ctx.beginPath();
      ctx.rect(x0, top, x1 - x0, height);
      ctx.clip();
      ctx.strokeStyle = this.#manner.palette.hatch;
      ctx.lineWidth = uPlot.pxRatio;
      ctx.beginPath();
      const pitch = 9 * uPlot.pxRatio;
      // Counted from the plot's edge, so that neighbouring gaps carry one pattern.
      for (let x = left - height; x < left + width; x += pitch) {
        ctx.moveTo(x, top + height);
        ctx.lineTo(x + height, top);
      }
      ctx.stroke();
      this.#drawGapText(ctx, (x0 + x1) / 2, top + height / 2, x1 - x0);
      ctx.restore();
    }
  }

  #drawGapText(ctx: CanvasRenderingContext2D, x: number, y: number, room: number): void {
    const { palette, gapText } = this.#manner;
    ctx.font = scaled(FONT);
    const wide = ctx.measureText(gapText).width + 12 * uPlot.pxRatio;
    if (wide > room) return;
    const high = 20 * uPlot.pxRatio;
    ctx.fillStyle = palette.panel;
    ctx.fillRect(x - wide / 2, y - high / 2, wide, high);
    ctx.fillStyle = palette.muted;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(gapText, x, y);
  }

  #drawMarks(plot: uPlot): void {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    const { palette } = this.#manner;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    for (const alarm of this.#picture.alarms) this.#drawAlarm(plot, alarm);
    const size = 5 * uPlot.pxRatio;
    ctx.lineWidth = 2 * uPlot.pxRatio;
    for (const mark of this.#picture.columns.marks) {
      const x = plot.valToPos(mark.t, 'x', true);
      // A failed value may lie far outside; it is shown at the edge rather than not at all.
      const y = Math.min(top + height - size, Math.max(top + size, plot.valToPos(mark.value, 'y', true)));
      ctx.beginPath();
      if (mark.kind === 'suspect') {
        ctx.moveTo(x, y - size);
        ctx.lineTo(x + size, y + size * 0.8);
        ctx.lineTo(x - size, y + size * 0.8);
        ctx.closePath();
        ctx.fillStyle = palette.panel;
        ctx.fill();
        ctx.strokeStyle = palette.late;
      } else {
        ctx.moveTo(x - size, y - size);
        ctx.lineTo(x + size, y + size);
        ctx.moveTo(x + size, y - size);
        ctx.lineTo(x - size, y + size);
        ctx.strokeStyle = palette.lost;
      }
      ctx.stroke();
    }
    ctx.restore();
  }

  #drawAlarm(plot: uPlot, alarm: AlarmMark): void {
    const { ctx } = plot;
    const { top, height } = plot.bbox;
    const x = plot.valToPos(alarm.t, 'x', true);
    const colour = this.#manner.palette.levels[alarm.level] ?? this.#manner.palette.muted;
    ctx.save();
    ctx.setLineDash([4 * uPlot.pxRatio, 3 * uPlot.pxRatio]);
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2 * uPlot.pxRatio;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    const half = 9 * uPlot.pxRatio;
    ctx.fillStyle = colour;
    ctx.fillRect(x - half, top, 2 * half, 2 * half);
    ctx.fillStyle = this.#manner.palette.onLevels[alarm.level] ?? '#000';
    ctx.font = scaled(`bold ${FONT}`);
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(alarm.text, x, top + half);
    ctx.restore();
  }
}

function* chain<T>(...parts: readonly (readonly T[])[]): Generator<T> {
  for (const part of parts) yield* part;
}

function sizeOf(host: HTMLElement): { width: number; height: number } {
  return { width: Math.max(200, host.clientWidth), height: Math.max(120, host.clientHeight) };
}

function scaled(font: string): string {
  return font.replace(/(\d+)px/, (_, px: string) => `${Number(px) * uPlot.pxRatio}px`);
}

function timeLabel(seconds: number, increment: number, language: Language): string {
  const ms = seconds * 1000;
  if (increment >= DAY_S) return formatTime(ms, 'date', language);
  const text = formatTime(ms, increment < 60 ? 'clock' : 'minute', language);
  return text === '00:00' ? formatTime(ms, 'date', language) : text;
}

/** Enough places to tell neighbouring ticks apart, at most those that are shown. */
function neededDecimals(increment: number, most: number): number {
  const needed = Math.max(0, -Math.floor(Math.log10(increment) + 1e-9));
  return Math.min(most, needed);
}
