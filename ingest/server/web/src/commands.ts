/** Carries out what the keyboard asks for. */
import { arrange } from './alarms/order.ts';
import { asking } from './alarms/dialog.tsx';
import { live, now } from './centre.ts';
import { asTable } from './chart/panel.tsx';
import { WINDOW_NAMES } from './chart/window.ts';
import { chooseLanguage, language } from './i18n/current.ts';
import { nextLanguage } from './i18n/language.ts';
import { commandOf, neighbour, type Command } from './keyboard.ts';
import { look, lookAtStation, selection } from './looking.ts';
import { orderStations } from './stations/order.ts';

export function listenToKeys(help: () => void): () => void {
  const listener = (event: KeyboardEvent): void => {
    if (document.querySelector('dialog[open]')) return;
    const target = event.target instanceof HTMLElement ? event.target : null;
    const command = commandOf({
      key: event.key,
      modified: event.ctrlKey || event.altKey || event.metaKey,
      typing: target?.matches('input, textarea, select') ?? false,
    });
    if (!command) return;
    event.preventDefault();
    if (command.kind === 'help') help();
    else carryOut(command);
  };
  document.addEventListener('keydown', listener);
  return () => document.removeEventListener('keydown', listener);
}

function carryOut(command: Command): void {
  switch (command.kind) {
    case 'station':
      goToStation(command.by);
      break;
    case 'stream':
      goToStream(command.by);
      break;
    case 'ack':
    case 'shelve':
      askAboutTopmost(command.kind);
      break;
    case 'table':
      asTable.update((shown) => !shown);
      break;
    case 'window': {
      const window = WINDOW_NAMES[command.index];
      if (window) look({ window });
      break;
    }
    case 'language':
      chooseLanguage(nextLanguage(language.value));
      break;
    case 'search':
      document.querySelector<HTMLElement>('#stations input[type=search]')?.focus();
  }
}

function goToStation(by: 1 | -1): void {
  const ids = orderStations(live.value.stations.values()).map((s) => s.id);
  const id = neighbour(ids, selection.value.station, by);
  if (id === undefined) return;
  lookAtStation(live.value, id);
  bringIntoView(id);
}

function goToStream(by: 1 | -1): void {
  const { station, channel } = selection.value;
  if (station === null) return;
  const channels = (live.value.streams.get(station) ?? []).flatMap(
    (key) => live.value.latest.get(key)?.channel ?? [],
  );
  const next = neighbour(channels, channel, by);
  if (next !== undefined) look({ channel: next });
}

function askAboutTopmost(kind: 'ack' | 'shelve'): void {
  const places = arrange(live.value.alarms.values(), now.value ?? 0);
  const alarm = places.active[0] ?? (kind === 'shelve' ? places.acked[0] : undefined);
  if (alarm) asking.set({ alarm, kind });
}

function bringIntoView(station: string): void {
  const row = document.querySelector(`[data-station="${CSS.escape(station)}"] .station-head`);
  if (!(row instanceof HTMLElement)) return;
  row.focus();
  row.scrollIntoView({ block: 'nearest' });
}
