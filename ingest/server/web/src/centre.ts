/** The page's link with the centre: the live feed poured into stores that everything reads. */
import type { Alarm } from './contract.ts';
import { applyAlarm, applyAnswer, applyDiff, applySnapshot, EMPTY, type LiveState } from './live/state.ts';
import { ServerClock } from './live/clock.ts';
import { Feed, type Connection } from './live/feed.ts';
import { Store } from './store.ts';

export const live = new Store<LiveState>(EMPTY);
export const connection = new Store<Connection>({ kind: 'connecting' });
/** The server's time in milliseconds, moved on every second; null until the server has spoken. */
export const now = new Store<number | null>(null);
/** When the server last said anything, in its own time. */
export const heardAt = new Store<number | null>(null);
/** The last alarm that was raised or became graver, for the announcement. */
export const newAlarm = new Store<Alarm | null>(null);
/** Counts snapshots: each one means that something may have been missed before it. */
export const snapshots = new Store(0);

const clock = new ServerClock();

function hear(time: string): void {
  clock.hear(time, performance.now());
  tick();
  heardAt.set(now.value);
}

function tick(): void {
  const ms = clock.now(performance.now());
  // Rounded, so that everything that shows seconds turns at the same moment.
  now.set(ms === null ? null : Math.floor(ms / 1000) * 1000);
}

const feed = new Feed(
  '/api/v1/live',
  {
    snapshot(snapshot) {
      hear(snapshot.time);
      live.update((held) => applySnapshot(held, snapshot));
      snapshots.update((n) => n + 1);
    },
    diff(diff) {
      hear(diff.time);
      live.update((held) => applyDiff(held, diff));
    },
    alarm(alarm) {
      const before = live.value.alarms.get(alarm.id);
      live.update((held) => applyAlarm(held, alarm));
      const graver = before === undefined || alarm.level > before.level;
      if (graver && alarm.state === 'raised') newAlarm.set(alarm);
    },
    heartbeat(heartbeat) {
      hear(heartbeat.time);
    },
    connection(changed) {
      // Every frame says `live` again; only a change is news.
      if (changed.kind === 'live' && connection.value.kind === 'live') return;
      connection.set(changed);
    },
  },
  {
    open: (url) => new EventSource(url),
    nowMs: () => Date.now(),
    random: () => Math.random(),
  },
);

export function connect(): void {
  feed.start();
  setInterval(tick, 1000);
  window.addEventListener('online', retryNow);
}

export function retryNow(): void {
  feed.retryNow();
}

/** An alarm as the server answered it after an acknowledgement or a shelving. */
export function acceptAlarm(alarm: Alarm): void {
  live.update((held) => applyAnswer(held, alarm));
}
