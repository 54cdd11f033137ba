/** How a node says it is, in a few words: first what is wrong, then what somebody would ask. Pure. */
import type { Health } from '../contract.ts';
import { formatAge, formatNumber } from '../format.ts';
import { word, type Key, type Language } from '../i18n/language.ts';

export interface Remark {
  readonly text: string;
  /** Somebody should look. */
  readonly wrong: boolean;
}

/** Hotter than this the processor slows down soon. */
const HOT_C = 80;
/** Less than this part of the disk is little. */
const LITTLE_DISK = 0.05;
/** A message that has waited for longer than this, in seconds, waits for something. */
const LONG_WAIT_S = 300;

export function remarks(health: Health, language: Language): Remark[] {
  const all: Remark[] = [];
  const say = (key: Key, values: Record<string, string | number>, wrong: boolean): void => {
    all.push({ text: word(language, key, values), wrong });
  };
  if (health.storing && health.storing !== 'kept') say(`health.storing.${health.storing}`, {}, true);
  if (health.clock) say(`health.clock.${health.clock}`, {}, health.clock === 'unset');
  if (health.failing) say('health.failing', { n: health.failing }, true);
  if (health.power_now?.includes('under_voltage')) say('health.underVoltage', {}, true);
  else if (health.power_now?.length) say('health.throttled', {}, true);
  if (health.temperature_c !== null) {
    say('health.temperature', { t: formatNumber(health.temperature_c, 0, language) }, health.temperature_c >= HOT_C);
  }
  if (health.waiting !== null && health.waiting > 0) {
    const age = formatAge(health.oldest_s, language);
    say('health.waiting', { n: health.waiting, age }, (health.oldest_s ?? 0) > LONG_WAIT_S);
  }
  if (health.disk_free_bytes !== null && health.disk_size_bytes) {
    const gb = formatNumber(health.disk_free_bytes / 1e9, 1, language);
    say('health.disk', { gb }, health.disk_free_bytes < LITTLE_DISK * health.disk_size_bytes);
  }
  if (health.signal_dbm !== null) {
    say('health.signal', { dbm: formatNumber(health.signal_dbm, 0, language) }, health.signal_dbm < -100);
  }
  if (health.uptime_s !== null) say('health.uptime', { age: formatAge(health.uptime_s, language) }, false);
  return all.sort((a, b) => Number(b.wrong) - Number(a.wrong));
}
