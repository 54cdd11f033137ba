/** The spans of time a chart can show, and how much of the history each asks for. Pure. */

export type WindowName = '15m' | '1h' | '6h' | '24h' | '7d';

export interface TimeWindow {
  readonly name: WindowName;
  readonly seconds: number;
  /** Length of an aggregate; null asks for every reading. */
  readonly step: number | null;
  /** How often the newest part is asked for again, in seconds. */
  readonly refresh: number;
}

export const WINDOWS: readonly TimeWindow[] = [
  { name: '15m', seconds: 900, step: null, refresh: 60 },
  { name: '1h', seconds: 3_600, step: null, refresh: 60 },
  { name: '6h', seconds: 21_600, step: 30, refresh: 15 },
  { name: '24h', seconds: 86_400, step: 120, refresh: 60 },
  { name: '7d', seconds: 604_800, step: 900, refresh: 300 },
];

export const DEFAULT_WINDOW: WindowName = '15m';

export function windowNamed(name: WindowName): TimeWindow {
  return WINDOWS.find((w) => w.name === name) ?? (WINDOWS[0] as TimeWindow);
}

export function asWindow(text: string | undefined): WindowName | null {
  return WINDOWS.find((w) => w.name === text)?.name ?? null;
}
