/** The spans of time a chart can show, and how much of the history each asks for. Pure. */

export type WindowName = '5m' | '15m' | '1h' | '6h' | '24h' | '7d';

export interface TimeWindow {
  readonly name: WindowName;
  readonly seconds: number;
  /** Length of an aggregate in seconds; null asks for every reading. */
  readonly step: number | null;
  /** How often the newest part is asked for again, in seconds. */
  readonly refresh: number;
}

/** A line can be as fine as the screen; the bars of an amount have to be told apart. */
const LINES: readonly TimeWindow[] = [
  { name: '5m', seconds: 300, step: null, refresh: 60 },
  { name: '15m', seconds: 900, step: null, refresh: 60 },
  { name: '1h', seconds: 3_600, step: null, refresh: 60 },
  { name: '6h', seconds: 21_600, step: 30, refresh: 15 },
  { name: '24h', seconds: 86_400, step: 120, refresh: 60 },
  { name: '7d', seconds: 604_800, step: 900, refresh: 300 },
];

const BARS: Record<WindowName, number | null> = {
  '5m': null,
  '15m': null,
  '1h': 60,
  '6h': 600,
  '24h': 1_800,
  '7d': 21_600,
};

export const WINDOW_NAMES: readonly WindowName[] = LINES.map((w) => w.name);

export const DEFAULT_WINDOW: WindowName = '15m';

export function windowNamed(name: WindowName, amount: boolean): TimeWindow {
  const found = LINES.find((w) => w.name === name) ?? (LINES[0] as TimeWindow);
  return amount ? { ...found, step: BARS[found.name] } : found;
}

export function asWindow(text: string | undefined): WindowName | null {
  return WINDOW_NAMES.find((name) => name === text) ?? null;
}
