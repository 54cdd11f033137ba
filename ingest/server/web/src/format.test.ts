import { describe, expect, it } from 'vitest';
import { channelName, formatAge, formatMoment, formatNumber, formatSpan, formatTime, formatValue, NO_VALUE, stationName } from './format.ts';
import { styleOf, QUANTITIES } from './quantities.ts';

const level = { quantity: 'water_level', unit: 'm' };

describe('a number', () => {
  it('has exactly its decimals and the language’s separator', () => {
    expect(formatNumber(82.4, 2, 'vi')).toBe('82,40');
    expect(formatNumber(82.4, 2, 'en')).toBe('82.40');
    expect(formatNumber(82.4, 2, 'zh')).toBe('82.40');
    expect(formatNumber(99_855, 0, 'vi')).toBe('99855');
  });

  it('has no sign when it rounds to nothing', () => {
    expect(formatNumber(-0.004, 2, 'en')).toBe('0.00');
    expect(formatNumber(-0.006, 2, 'en')).toBe('-0.01');
  });

  it('says plainly when there is none', () => {
    expect(formatNumber(null, 2, 'vi')).toBe(NO_VALUE);
    expect(formatNumber(Number.NaN, 2, 'vi')).toBe(NO_VALUE);
  });
});

describe('a value', () => {
  it('is shown as an operator reads it and, on demand, as it travelled', () => {
    expect(formatValue(86.913, level, 'vi')).toBe('86,91\u00a0m');
    expect(formatValue(86.913, level, 'vi', true)).toBe('86,913\u00a0m');
  });

  it('has no unit where there is no value, and a word where the unit is one', () => {
    expect(formatValue(null, level, 'vi')).toBe(NO_VALUE);
    expect(formatValue(7, { quantity: 'vehicle_count', unit: '1' }, 'vi')).toBe('7\u00a0xe');
    expect(formatValue(7, { quantity: 'dimensionless', unit: '1' }, 'en')).toBe('7.000');
  });

  it('of an unknown quantity keeps three places', () => {
    expect(formatValue(1.5, { quantity: 'radon', unit: 'Bq/m³' }, 'en')).toBe('1.500\u00a0Bq/m³');
  });

  it('never shows more than the quantity resolves', () => {
    for (const quantity of QUANTITIES) {
      const { shown, resolution } = styleOf(quantity);
      expect(shown, quantity).toBeLessThanOrEqual(resolution);
    }
  });
});

describe('an age', () => {
  it.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [3_599, '59 min'],
    [3_600, '1 h 0 min'],
    [47 * 3_600 + 120, '47 h 2 min'],
    [48 * 3_600, '2 days'],
    [null, NO_VALUE],
  ])('of %s s is %s', (seconds, text) => {
    expect(formatAge(seconds, 'en')).toBe(text);
  });

  it('of whole hours as a span has no minutes', () => {
    expect(formatSpan(7_200, 'vi')).toBe('2 giờ');
    expect(formatSpan(900, 'vi')).toBe('15 phút');
  });
});

describe('a time', () => {
  it('is the province’s, whatever the computer’s', () => {
    const ms = Date.parse('2024-09-09T17:30:05Z');
    expect(formatTime(ms, 'clock', 'vi')).toBe('00:30:05');
    expect(formatTime(ms, 'date', 'en')).toBe('10/09');
    expect(formatMoment(ms, 'vi')).toBe('10/09 00:30:05');
    expect(formatMoment(ms, 'zh')).toBe('09/10 00:30:05');
    expect(formatTime(null, 'clock', 'en')).toBe(NO_VALUE);
  });
});

describe('a name', () => {
  it('of a channel says lane, axis or its own', () => {
    expect(channelName({ channel: 'lane2_speed', quantity: 'vehicle_speed' }, 'en')).toBe('Lane 2 · Vehicle speed');
    expect(channelName({ channel: 'tilt_y', quantity: 'tilt' }, 'vi')).toBe('Độ nghiêng Y');
    expect(channelName({ channel: 'soil_temperature', quantity: 'temperature' }, 'en')).toBe('Soil temperature');
    expect(channelName({ channel: 'rain', quantity: 'rain' }, 'zh')).toBe('降雨量');
    expect(channelName({ channel: 'outside', quantity: 'temperature' }, 'en')).toBe('Temperature (outside)');
    expect(channelName({ channel: 'x9', quantity: 'radon' }, 'en')).toBe('radon (x9)');
  });

  it('of a station falls back to Vietnamese, then to its id', () => {
    const station = { id: 's-01', name: 'Sườn dốc', name_en: 'Slope' };
    expect(stationName(station, 'vi')).toBe('Sườn dốc');
    expect(stationName(station, 'zh')).toBe('Slope');
    expect(stationName({ ...station, name_en: null }, 'en')).toBe('Sườn dốc');
    expect(stationName({ id: 's-01', name: '', name_en: null }, 'vi')).toBe('s-01');
  });
});
