/** What the operator looks at, kept in the page's address. */
import type { LiveState } from './live/state.ts';
import { orderStations } from './stations/order.ts';
import { parseHash, printHash, type Selection } from './selection.ts';
import { Store } from './store.ts';

export const selection = new Store<Selection>(parseHash(location.hash));

export function look(change: Partial<Selection>): void {
  selection.update((held) => ({ ...held, ...change }));
  // Replaced, not pushed: walking through stations must not fill the back button.
  history.replaceState(null, '', printHash(selection.value));
}

/** Selects a station and, unless told which, the first thing it measures. */
export function lookAtStation(state: LiveState, station: string, channel?: string): void {
  const first = state.streams.get(station)?.[0];
  const found = channel ?? (first ? state.latest.get(first)?.channel : undefined);
  look({ station, channel: found ?? null });
}

/** When nothing is selected yet, the station most in trouble is. */
export function lookAtSomething(state: LiveState): void {
  const { station, channel } = selection.value;
  if (station !== null && channel !== null) return;
  const target = station ?? orderStations(state.stations.values())[0]?.id;
  if (target !== undefined && state.streams.has(target)) lookAtStation(state, target);
}

export function followAddress(): void {
  window.addEventListener('hashchange', () => selection.set(parseHash(location.hash)));
}
