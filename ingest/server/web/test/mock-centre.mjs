/** A small river valley that moves: what the mock server tells about. Seeded, so that runs agree. */

const STATIONS = [
  ['lao-cai-river-01', 'Sông Hồng tại Lào Cai', 'Red River at Lào Cai', 'Lào Cai', 22.4856, 103.9707],
  ['sapa-slope-01', 'Sườn dốc Sa Pa', 'Sa Pa slope', 'Sa Pa', 22.3402, 103.8448],
  ['kim-thanh-gate-01', 'Cửa khẩu Kim Thành', 'Kim Thành border gate', 'Lào Cai', 22.5064, 103.9573],
  ['bac-ha-rain-02', 'Mưa Tả Phìn', 'Tả Phìn rain', 'Tả Phìn', 22.395, 103.905],
];

const CHANNELS = {
  'lao-cai-river-01': [
    ['water_level', 'water_level', 'm', 3, (s, n, start) => 77.5 + rise(s - start) + n * 0.02],
    ['rain', 'rain', 'mm', 2, (s, n) => Math.max(0, wave(s, 400) * 0.5 + n * 0.3)],
    ['rain_intensity', 'rain_intensity', 'mm/h', 2, (s, n) => Math.max(0, 30 + 30 * wave(s, 400) + n * 4)],
    ['pressure', 'pressure', 'Pa', 0, (s, n) => 99_800 + 60 * wave(s, 900) + n * 8],
    ['air_temperature', 'temperature', '°C', 3, (s, n) => 24 + 2 * wave(s, 700) + n * 0.1],
  ],
  'sapa-slope-01': [
    ['rain_intensity', 'rain_intensity', 'mm/h', 2, (s, n) => Math.max(0, 40 + 22 * wave(s, 300) + n * 5)],
    ['rain', 'rain', 'mm', 2, (s, n) => Math.max(0, 0.4 + n * 0.2)],
    ['tilt_x', 'tilt', 'µrad', 0, (s, n) => 120 + (s % 3600) / 9 + n * 9],
    ['tilt_y', 'tilt', 'µrad', 0, (s, n) => -40 + n * 9],
    ['soil_temperature', 'temperature', '°C', 3, (s, n) => 17.2 + n * 0.02],
  ],
  'kim-thanh-gate-01': [
    ['lane1_count', 'vehicle_count', '1', 0, (s, n) => Math.round(6 + 3 * wave(s, 200) + n)],
    ['lane1_speed', 'vehicle_speed', 'km/h', 1, (s, n) => 31 + 6 * wave(s, 250) + n * 2],
    ['lane1_occupancy', 'occupancy', '%', 1, (s, n) => 14 + 5 * wave(s, 220) + n],
    ['lane2_count', 'vehicle_count', '1', 0, (s, n) => Math.round(4 + 2 * wave(s, 180) + n)],
    ['lane2_speed', 'vehicle_speed', 'km/h', 1, (s, n) => 28 + 5 * wave(s, 210) + n * 2],
    ['pm2_5', 'pm2_5', 'µg/m³', 1, (s, n) => 38 + 8 * wave(s, 500) + n * 2],
    ['pm10', 'pm10', 'µg/m³', 1, (s, n) => 61 + 9 * wave(s, 500) + n * 3],
    ['temperature', 'temperature', '°C', 3, (s, n) => 26 + wave(s, 800) + n * 0.1],
    ['humidity', 'humidity', '%RH', 3, (s, n) => 88 + 4 * wave(s, 800) + n * 0.2],
  ],
  'bac-ha-rain-02': [],
};

/** Where in the last quarter of an hour the river station was silent, in seconds before now. */
const SILENCE = [520, 430];

export class MockCentre {
  #alarms;
  #startS;

  constructor(nowMs) {
    this.#startS = Math.floor(nowMs / 1000);
    this.#alarms = alarmsAt(nowMs);
  }

  stations(nowMs) {
    return STATIONS.map(([id, name, name_en, commune, lat, lon], index) => {
      const state = ['fresh', 'fresh', 'late', 'never'][index];
      const age = state === 'fresh' ? 1 : state === 'late' ? 95 : null;
      return {
        id, name, name_en, commune, lat, lon, state,
        last_seen: age === null ? null : iso(nowMs - age * 1000),
        age_s: age,
        online: state !== 'never',
        alarm_level: this.#level(id, nowMs),
      };
    });
  }

  latest(nowMs) {
    return Object.entries(CHANNELS).flatMap(([station, channels]) =>
      channels.map(([channel, quantity, unit]) => {
        const age = station === 'kim-thanh-gate-01' ? 95 : 1;
        const reading = this.#reading(station, channel, Math.floor(nowMs / 1000) - age);
        const tests = reading.quality === 3 ? ['spike'] : [];
        return { station, channel, quantity, unit, ...reading, tests, age_s: age };
      }),
    );
  }

  alarms() {
    return this.#alarms;
  }

  history(query, nowMs) {
    const station = query.get('station');
    const channel = query.get('channel');
    const found = CHANNELS[station]?.find(([name]) => name === channel);
    if (!found) return null;
    const from = Math.ceil(Date.parse(query.get('from')) / 1000);
    const to = Math.floor(Math.min(nowMs, Date.parse(query.get('to'))) / 1000);
    const head = { station, channel, quantity: found[1], unit: found[2], from: query.get('from'), to: query.get('to') };
    const step = query.get('step') ? parseInt(query.get('step'), 10) : null;
    if (step === null) return { ...head, readings: this.#raw(station, channel, from, to) };
    return { ...head, step_s: step, rows: this.#rows(station, channel, from, to, step) };
  }

  ack(id, { by, comment }, nowMs) {
    return this.#change(id, { acked: { by, comment, at: iso(nowMs) } });
  }

  shelve(id, { by, minutes, comment }, nowMs) {
    const until = iso(nowMs + minutes * 60_000);
    return this.#change(id, { shelved: { by, until, comment } });
  }

  approve(id, { by, level, comment }, nowMs) {
    return this.#change(id, { public_level: level, approval: { state: 'approved', level, by, comment, at: iso(nowMs) } });
  }

  reject(id, { by, level, comment }, nowMs) {
    return this.#change(id, { approval: { state: 'rejected', level, by, comment, at: iso(nowMs) } });
  }

  allClear(id, { by, comment }, nowMs) {
    const over = { state: 'cleared', cleared_at: iso(nowMs), public_level: 0 };
    return this.#change(id, { ...over, all_clear: { by, comment, at: iso(nowMs) } });
  }

  drillable() {
    const words = (vi, en, zh) => ({ vi, en, zh });
    return [
      {
        rule: 'flood-lao-cai', event: words('Lũ', 'Flood', '洪水'), stations: ['lao-cai-river-01'],
        levels: [
          { level: 1, name: words('báo động I', 'alarm level I', '一级警报'), approval: false },
          { level: 3, name: words('báo động III', 'alarm level III', '三级警报'), approval: true },
        ],
      },
    ];
  }

  drill({ rule, station, level, by }, nowMs) {
    const alarm = {
      id: `d${this.#alarms.length}`, rule, version: 1, hazard: 'flood', station, channel: 'water_level', level,
      severity: 'Minor', state: 'raised', raised_at: iso(nowMs), updated_at: iso(nowMs), cleared_at: null, value: 80,
      unit: 'm', unofficial: false, source: 'centre', acked: null, shelved: null, cap: null, drill: true,
      approval: null, public_level: level,
      headline: {
        vi: `[DIỄN TẬP] Lũ trên sông Hồng tại Lào Cai (${by})`,
        en: `[EXERCISE] Flood on the Red River at Lào Cai (${by})`,
        zh: `[演习] 老街红河洪水 (${by})`,
      },
    };
    this.#alarms = [alarm, ...this.#alarms];
    return alarm;
  }

  receipts() {
    const to = (name, channel, state, error) => ({ recipient: name, name, channel, state, error });
    return [to('Lò Thị Mai', 'sms', 'confirmed', null), to('Giàng A Páo', 'email', 'queued', 'connection refused')];
  }

  foreign(nowMs) {
    return {
      feeds: [{ name: 'nchmf', url: 'https://example.org/cap.atom', read_at: iso(nowMs), trouble: null }],
      alerts: [
        {
          feed: 'nchmf', address: 'https://example.org/1.xml', identifier: 'x1', sender: 'nchmf@example.org', status: 'Actual',
          sent: iso(nowMs - 3_600_000),
          infos: [
            {
              language: 'vi-VN', event: 'Mưa lớn', severity: 'Moderate', expires: iso(nowMs + 7_200_000),
              sender_name: 'Đài khí tượng', headline: 'Mưa lớn ở vùng núi phía Bắc',
              description: 'Từ chiều nay đến đêm mai có mưa to, có nơi trên 100 mm.', areas: [{ description: 'Lào Cai, Yên Bái' }],
            },
          ],
        },
      ],
    };
  }

  #change(id, change) {
    const index = this.#alarms.findIndex((a) => a.id === id);
    if (index < 0) return null;
    const alarm = { ...this.#alarms[index], ...change };
    this.#alarms[index] = alarm;
    return alarm;
  }

  #level(station) {
    return Math.max(0, ...this.#alarms.filter((a) => a.station === station && a.state === 'raised').map((a) => a.level));
  }

  #reading(station, channel, second) {
    const [, quantity, , decimals, at] = CHANNELS[station].find(([name]) => name === channel);
    const raw = at(second, noise(second * 31 + channel.length), this.#startS);
    const suspect = quantity === 'water_level' && second % 97 === 0;
    const fail = quantity === 'water_level' && second % 211 === 0;
    const value = Number((fail ? raw - 4.2 : raw + (suspect ? 0.4 : 0)).toFixed(decimals));
    return { time: iso(second * 1000), value, quality: fail ? 4 : suspect ? 3 : 1 };
  }

  #raw(station, channel, from, to) {
    const readings = [];
    const every = channel === 'rain' ? 10 : 2;
    for (let s = Math.ceil(from / every) * every; s <= to; s += every) {
      const before = this.#startS - s;
      if (station === 'lao-cai-river-01' && before < SILENCE[0] && before > SILENCE[1]) continue;
      readings.push(this.#reading(station, channel, s));
    }
    return readings;
  }

  #rows(station, channel, from, to, step) {
    const rows = [];
    for (let s = Math.floor(from / step) * step; s < to; s += step) {
      const values = [0, 0.25, 0.5, 0.75].map((part) => this.#reading(station, channel, Math.floor(s + part * step)).value);
      const sum = values.reduce((a, b) => a + b, 0);
      rows.push({ time: iso(s * 1000), mean: sum / 4, min: Math.min(...values), max: Math.max(...values), sum, count: step, good: step });
    }
    return rows;
  }
}

function alarmsAt(nowMs) {
  const flood = (level, headline) => ({
    rule: 'flood-lao-cai', version: 1, hazard: 'flood', station: 'lao-cai-river-01', channel: 'water_level',
    level, unit: 'm', unofficial: false, source: 'centre', headline,
  });
  return [
    {
      id: 'f3', ...flood(3, {
        vi: 'Lũ trên sông Hồng tại Lào Cai vượt báo động III',
        en: 'Flood on the Red River at Lào Cai above alarm level III',
        zh: '老街红河洪水超过三级警戒水位',
      }),
      severity: 'Severe', state: 'raised', raised_at: iso(nowMs - 137_000), updated_at: iso(nowMs - 137_000),
      cleared_at: null, value: 83.52, acked: null, shelved: null, cap: '/cap/f3.xml',
      approval: { state: 'waiting', level: 3, by: null, comment: '', at: null }, public_level: 2,
    },
    {
      id: 's1', rule: 'slope-sapa', version: 2, hazard: 'landslide', station: 'sapa-slope-01', channel: 'tilt_x', level: 1,
      severity: 'Minor', state: 'raised', raised_at: iso(nowMs - 400_000), updated_at: iso(nowMs - 380_000), cleared_at: null,
      value: 212, unit: 'µrad', unofficial: true, source: 'node', cap: '/cap/s1.xml', shelved: null,
      acked: { by: 'Lò Thị Mai', comment: 'Đã báo đội xung kích Sa Pa', at: iso(nowMs - 380_000) },
      headline: { vi: 'Sườn dốc Sa Pa bắt đầu dịch chuyển', en: 'The slope above Sa Pa begins to creep', zh: '沙坝边坡开始蠕动' },
    },
    {
      id: 'r1', rule: 'rain-sapa', version: 1, hazard: 'flash-flood', station: 'sapa-slope-01', channel: 'rain_intensity', level: 2,
      severity: 'Moderate', state: 'cleared', raised_at: iso(nowMs - 3_000_000), updated_at: iso(nowMs - 900_000),
      cleared_at: iso(nowMs - 900_000), value: 61.2, unit: 'mm/h', unofficial: true, source: 'centre', cap: '/cap/r1.xml',
      shelved: null, acked: null,
      headline: { vi: 'Mưa rất to tại Sa Pa, nguy cơ lũ quét', en: 'Very heavy rain at Sa Pa, danger of flash floods', zh: '沙坝暴雨，有山洪危险' },
    },
  ];
}

function iso(ms) {
  return new Date(ms).toISOString();
}

function wave(second, period) {
  return Math.sin((2 * Math.PI * second) / period);
}

/** A flood that comes within a few minutes; 83.50 m is passed 137 s before the start. */
function rise(second) {
  return 6.7 / (1 + Math.exp(-(second + 330) / 90));
}

/** The same number for the same second: -1 to 1. */
function noise(seed) {
  const x = Math.sin(seed * 12.9898) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}
