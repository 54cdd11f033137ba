/** Numbers, times, ages and names as people read them. Pure. */
import type { Latest, Station } from './contract.ts';
import { isKey, word, type Language } from './i18n/language.ts';
import { styleOf } from './quantities.ts';

/** The province's own time, whatever the browser's. It has no summer time. */
export const TIME_ZONE = 'Asia/Ho_Chi_Minh';
const LOCALES: Record<Language, string> = { vi: 'vi-VN', en: 'en-GB', zh: 'zh-CN' };
/** What stands where a number would. */
export const NO_VALUE = '–';

const numbers = new Map<string, Intl.NumberFormat>();
const times = new Map<string, Intl.DateTimeFormat>();

/** A number with exactly `decimals` places and the language's separators. */
export function formatNumber(value: number | null, decimals: number, language: Language): string {
  if (value === null || !Number.isFinite(value)) return NO_VALUE;
  const id = `${language}${decimals}`;
  let format = numbers.get(id);
  if (!format) {
    format = new Intl.NumberFormat(LOCALES[language], {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      // 99.855 Pa would be read as less than a hundred by half of the readers.
      useGrouping: false,
    });
    numbers.set(id, format);
  }
  const text = format.format(value);
  // -0,00 is a rounding of something too small to show, not a direction.
  return /[1-9]/.test(text) ? text : text.replace(/^[-−]/, '');
}

export function formatUnit(unit: string, quantity: string, language: Language): string {
  if (unit !== '1' && unit !== '') return unit;
  return quantity === 'vehicle_count' ? word(language, 'unit.vehicles') : '';
}

/** A value with its unit, at the precision an operator reads or, when `exact`, as it travelled. */
export function formatValue(
  value: number | null,
  of: { quantity: string; unit: string },
  language: Language,
  exact = false,
): string {
  const style = styleOf(of.quantity);
  const text = formatNumber(value, exact ? style.resolution : style.shown, language);
  const unit = formatUnit(of.unit, of.quantity, language);
  return unit && text !== NO_VALUE ? `${text}\u00a0${unit}` : text;
}

export type TimeStyle = 'clock' | 'minute' | 'date' | 'day';
const TIME_STYLES: Record<TimeStyle, Intl.DateTimeFormatOptions> = {
  clock: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  minute: { hour: '2-digit', minute: '2-digit' },
  date: { day: '2-digit', month: '2-digit' },
  day: { weekday: 'short', day: '2-digit', month: '2-digit', year: 'numeric' },
};

export function formatTime(ms: number | null, style: TimeStyle, language: Language): string {
  if (ms === null || !Number.isFinite(ms)) return NO_VALUE;
  const id = language + style;
  let format = times.get(id);
  if (!format) {
    // A Vietnamese day and month are joined by a stroke; the tables of the browser say a dash.
    const locale = style === 'date' && language === 'vi' ? 'en-GB' : LOCALES[language];
    format = new Intl.DateTimeFormat(locale, {
      ...TIME_STYLES[style],
      hourCycle: 'h23',
      timeZone: TIME_ZONE,
    });
    times.set(id, format);
  }
  return format.format(ms);
}

/** Day and time, in that order in every language. */
export function formatMoment(ms: number, language: Language): string {
  return `${formatTime(ms, 'date', language)} ${formatTime(ms, 'clock', language)}`;
}

/** Short enough for a list, coarse enough to be read at a glance. */
export function formatAge(seconds: number | null, language: Language): string {
  if (seconds === null) return NO_VALUE;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return word(language, 'age.s', { n: whole });
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return word(language, 'age.m', { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return word(language, 'age.h', { h: hours, m: minutes % 60 });
  return word(language, 'age.d', { n: Math.floor(hours / 24) });
}

/** A span such as the step of an aggregate: `30 s`, `2 min`. */
export function formatSpan(seconds: number, language: Language): string {
  if (seconds >= 3600 && seconds % 3600 === 0) {
    return word(language, 'span.h', { n: seconds / 3600 });
  }
  return formatAge(seconds, language);
}

/** What a channel is called: its own name, its lane or axis, its quantity, or else its id. */
export function channelName(
  stream: Pick<Latest, 'channel' | 'quantity'>,
  language: Language,
): string {
  const own = `channel.${stream.channel}`;
  if (isKey(own)) return word(language, own);
  const quantityKey = `quantity.${stream.quantity}`;
  const what = isKey(quantityKey) ? word(language, quantityKey) : stream.quantity;
  const lane = /^lane(\d+)_/.exec(stream.channel);
  if (lane?.[1]) return word(language, 'channel.lane', { n: lane[1], what });
  const axis = /_([xyz])$/.exec(stream.channel);
  if (axis?.[1]) return word(language, 'channel.axis', { what, axis: axis[1].toUpperCase() });
  return stream.channel === stream.quantity ? what : `${what} (${stream.channel})`;
}

export function stationName(station: Pick<Station, 'id' | 'name' | 'name_en'>, language: Language): string {
  if (language !== 'vi' && station.name_en) return station.name_en;
  return station.name || station.id;
}
