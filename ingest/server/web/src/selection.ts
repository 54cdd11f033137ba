/** What the operator looks at, and the permanent address of it: `#/station/channel/window`. Pure. */
import { asWindow, DEFAULT_WINDOW, type WindowName } from './chart/window.ts';

export interface Selection {
  readonly station: string | null;
  readonly channel: string | null;
  readonly window: WindowName;
}

export const NOTHING: Selection = { station: null, channel: null, window: DEFAULT_WINDOW };

export function parseHash(hash: string): Selection {
  const [station, channel, span] = hash
    .replace(/^#\/?/, '')
    .split('/')
    .map(decoded);
  return {
    station: station || null,
    channel: channel || null,
    window: asWindow(span) ?? DEFAULT_WINDOW,
  };
}

export function printHash(selection: Selection): string {
  if (!selection.station) return '#/';
  const parts = [selection.station, selection.channel ?? '', selection.window];
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
