/**
 * The schematic base of the map: rivers, main roads, the border and the communes as points, drawn
 * by hand for orientation. Positions are good to about a kilometre. It is no official map, and the
 * border in it says nothing about where the border is.
 */
import type { Feature, FeatureCollection, LineString, Point, Polygon, Position } from 'geojson';

export type BaseKind = 'beyond' | 'graticule' | 'border' | 'river' | 'road' | 'ridge' | 'place' | 'text';

export interface BaseProperties {
  readonly kind: BaseKind;
  /** 1 is the most important. */
  readonly rank: number;
  readonly vi?: string;
  readonly en?: string;
  readonly zh?: string;
  /** Of a text: what it names, and its slant in degrees, clockwise. */
  readonly of?: 'river' | 'road' | 'ridge' | 'peak' | 'country';
  readonly turn?: number;
}

type Names = readonly [vi: string, en?: string, zh?: string];
type BaseFeature = Feature<LineString | Point | Polygon, BaseProperties>;

/** From the west to Lũng Pô, where the Red River enters. */
const BORDER_WEST: Position[] = [
  [102.14, 22.4], [102.4, 22.75], [102.65, 22.68], [102.9, 22.5], [103.0, 22.44], [103.12, 22.52], [103.2, 22.64], [103.25, 22.68], [103.31, 22.79],
  [103.36, 22.775], [103.4, 22.73], [103.41, 22.68], [103.47, 22.595], [103.515, 22.585],
  [103.55, 22.645], [103.547, 22.7], [103.58, 22.75], [103.605, 22.775], [103.65, 22.798],
];

/** Lũng Pô to the mouth of the Nậm Thi: river and border are one line here. */
const RED_RIVER_BORDER: Position[] = [
  [103.65, 22.798], [103.69, 22.757], [103.728, 22.716], [103.768, 22.684], [103.8, 22.652],
  [103.829, 22.61], [103.848, 22.592], [103.868, 22.576], [103.894, 22.566], [103.913, 22.538],
  [103.94, 22.524], [103.955, 22.513], [103.966, 22.506],
];

/** The Nậm Thi from its mouth upstream, as far as it is the border. */
const NAM_THI_BORDER: Position[] = [
  [103.966, 22.506], [103.975, 22.515], [103.986, 22.529], [103.989, 22.542], [103.985, 22.557],
  [103.988, 22.585], [104.003, 22.616],
];

const BORDER_EAST: Position[] = [
  [104.003, 22.616], [104.008, 22.64], [104.014, 22.692], [104.046, 22.746], [104.072, 22.784],
  [104.13, 22.796], [104.21, 22.826], [104.241, 22.825], [104.23, 22.765], [104.25, 22.728],
  [104.306, 22.705], [104.354, 22.687], [104.45, 22.746], [104.55, 22.835], [104.62, 22.82],
  [104.72, 22.83], [104.77, 22.895], [104.83, 22.95], [104.8, 23.085], [104.87, 23.13], [105.0, 23.19],
  [105.32, 23.39], [105.55, 23.1], [105.9, 22.93], [106.3, 22.86],
];

const BORDER = joined(BORDER_WEST, RED_RIVER_BORDER, NAM_THI_BORDER, BORDER_EAST);

const RED_RIVER_BELOW: Position[] = [
  [103.966, 22.506], [103.968, 22.497], [103.971, 22.486], [103.982, 22.472], [104.004, 22.454],
  [104.03, 22.426], [104.06, 22.399], [104.095, 22.373], [104.128, 22.35], [104.18, 22.318],
  [104.225, 22.275], [104.285, 22.225], [104.35, 22.172], [104.43, 22.105], [104.52, 22.03],
  [104.6, 21.955], [104.69, 21.875], [104.79, 21.785], [104.88, 21.7], [105.0, 21.58], [105.25, 21.38], [105.5, 21.15],
];

const RED_RIVER_ABOVE: Position[] = [
  [102.2, 23.85], [102.6, 23.6], [103.0, 23.3], [103.3, 23.1], [103.42, 22.99], [103.55, 22.88], [103.65, 22.798],
];

const FEATURES: readonly BaseFeature[] = [
  {
    type: 'Feature',
    properties: { kind: 'beyond', rank: 1 },
    geometry: { type: 'Polygon', coordinates: [[...BORDER, [106.3, 25.0], [102.14, 25.0], [102.14, 22.4]]] },
  },
  ...graticule(101, 107, 20, 25, 0.25),

  line('border', 1, BORDER),

  line('river', 1, joined(RED_RIVER_ABOVE, RED_RIVER_BORDER, RED_RIVER_BELOW)),
  line('river', 2, joined(NAM_THI_BORDER, [[104.003, 22.616], [103.985, 22.66], [103.955, 22.71], [103.93, 22.78]])),
  // Ngòi Phát, Ngòi Đum, Mường Hoa with Ngòi Bo, Chảy.
  line('river', 3, [[103.66, 22.5], [103.71, 22.528], [103.76, 22.548], [103.81, 22.565], [103.868, 22.576]]),
  line('river', 3, [[103.81, 22.4], [103.85, 22.405], [103.885, 22.43], [103.92, 22.457], [103.95, 22.472], [103.971, 22.482]]),
  line('river', 3, [
    [103.79, 22.345], [103.845, 22.322], [103.888, 22.298], [103.945, 22.262], [104.01, 22.248],
    [104.07, 22.285], [104.1, 22.325], [104.128, 22.35],
  ]),
  line('river', 2, [
    [104.45, 22.746], [104.354, 22.687], [104.33, 22.61], [104.36, 22.52], [104.4, 22.42], [104.45, 22.33],
    [104.48, 22.24], [104.6, 22.12], [104.72, 22.0], [104.82, 21.9],
  ]),

  // QL4D to Sa Pa and Lai Châu, QL70, the Nội Bài – Lào Cai expressway, QL4D to Mường Khương, ĐT156.
  line('road', 1, [
    [103.972, 22.482], [103.947, 22.463], [103.92, 22.444], [103.897, 22.412], [103.87, 22.376],
    [103.852, 22.352], [103.844, 22.336], [103.818, 22.348], [103.79, 22.356], [103.773, 22.353],
    [103.74, 22.37], [103.7, 22.376], [103.66, 22.362], [103.6, 22.38], [103.53, 22.385], [103.458, 22.396],
  ]),
  line('road', 1, [
    [103.972, 22.503], [104.01, 22.514], [104.06, 22.5], [104.13, 22.46], [104.22, 22.4], [104.3, 22.33],
    [104.4, 22.265], [104.478, 22.235], [104.6, 22.1], [104.76, 21.92], [104.9, 21.76],
  ]),
  line('road', 1, [
    [103.957, 22.503], [103.945, 22.486], [103.957, 22.455], [103.985, 22.425], [104.022, 22.398],
    [104.065, 22.372], [104.11, 22.338], [104.17, 22.3], [104.24, 22.24], [104.32, 22.165], [104.42, 22.08],
    [104.54, 21.97], [104.66, 21.86], [104.85, 21.69],
  ]),
  line('road', 2, [[104.01, 22.514], [104.058, 22.57], [104.1, 22.62], [104.122, 22.7], [104.115, 22.765]]),
  line('road', 2, [
    [103.957, 22.503], [103.93, 22.514], [103.89, 22.536], [103.852, 22.566], [103.815, 22.61],
    [103.785, 22.647], [103.745, 22.67],
  ]),
  line('road', 2, [[104.18, 22.318], [104.21, 22.37], [104.245, 22.45], [104.29, 22.538]]),

  line('ridge', 1, [
    [103.62, 22.53], [103.66, 22.47], [103.71, 22.42], [103.75, 22.37], [103.768, 22.335], [103.775, 22.303],
    [103.81, 22.265], [103.86, 22.215], [103.92, 22.16], [103.99, 22.09], [104.08, 22.0],
  ]),

  place(1, 103.974, 22.478, ['Lào Cai', 'Lào Cai', '老街']),
  place(1, 103.844, 22.336, ['Sa Pa', 'Sa Pa', '沙坝']),
  place(2, 103.963, 22.516, ['Hà Khẩu', 'Hekou', '河口']),
  place(2, 103.89, 22.537, ['Bát Xát', 'Bát Xát', '巴刹']),
  place(2, 104.009, 22.416, ['Cam Đường', 'Cam Đường', '甘棠']),
  place(2, 104.182, 22.32, ['Bảo Thắng', 'Bảo Thắng', '保胜']),
  place(2, 104.115, 22.765, ['Mường Khương', 'Mường Khương', '孟康']),
  place(2, 104.291, 22.539, ['Bắc Hà', 'Bắc Hà', '北河']),
  place(2, 104.352, 22.172, ['Bảo Hà', 'Bảo Hà', '保河']),
  place(3, 103.925, 22.452, ['Cốc San']),
  place(3, 103.985, 22.376, ['Hợp Thành']),
  place(3, 104.073, 22.383, ['Gia Phú']),
  place(3, 104.13, 22.462, ['Phong Hải']),
  place(3, 104.075, 22.574, ['Bản Lầu']),
  place(3, 103.842, 22.395, ['Tả Phìn']),
  place(3, 103.892, 22.301, ['Tả Van']),
  place(3, 103.948, 22.262, ['Bản Hồ']),
  place(3, 104.022, 22.24, ['Mường Bo']),
  place(3, 103.765, 22.415, ['Ngũ Chỉ Sơn']),
  place(3, 103.71, 22.53, ['Mường Hum']),
  place(3, 103.793, 22.505, ['Bản Xèo']),
  place(3, 103.745, 22.67, ['Trịnh Tường']),
  place(3, 103.615, 22.655, ['Y Tý']),
  place(3, 104.2, 22.6, ['Cao Sơn']),
  place(3, 104.478, 22.236, ['Bảo Yên']),
  place(3, 104.185, 22.42, ['Xuân Quang']),

  text('river', 1, 104.05, 22.42, 43, ['Sông Hồng', 'Red River', '红河']),
  text('river', 1, 103.775, 22.687, 43, ['Sông Hồng', 'Red River', '红河']),
  text('river', 2, 104.001, 22.6, -70, ['Nậm Thi', 'Nậm Thi', '南溪河']),
  text('river', 2, 104.395, 22.45, 66, ['Sông Chảy', 'Chảy River', '齐江']),
  text('road', 1, 103.902, 22.42, 0, ['QL4D']),
  text('road', 1, 104.155, 22.447, 0, ['QL70']),
  text('road', 1, 104.02, 22.392, 0, ['CT05']),
  text('ridge', 1, 103.745, 22.385, 50, ['Hoàng Liên Sơn', 'Hoàng Liên Sơn', '黄连山']),
  text('peak', 2, 103.775, 22.303, 0, ['▲ Phan Xi Păng 3143 m', '▲ Fansipan 3143 m', '▲ 番西邦峰 3143 m']),
  text('country', 1, 103.937, 22.568, 0, ['TRUNG QUỐC', 'CHINA', '中国']),
  text('country', 2, 103.845, 22.462, 0, ['VIỆT NAM', 'VIET NAM', '越南']),
];

export const BASE: FeatureCollection<LineString | Point | Polygon, BaseProperties> = {
  type: 'FeatureCollection',
  features: [...FEATURES],
};

/** What is shown when no station has a position: Sa Pa to the border. */
export const HOME: Bounds = { west: 103.78, south: 22.3, east: 104.05, north: 22.54 };

export interface Bounds {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

function joined(...parts: readonly (readonly Position[])[]): Position[] {
  return parts.flatMap((part, i) => (i === 0 ? part : part.slice(1)));
}

function line(kind: BaseKind, rank: number, coordinates: Position[]): BaseFeature {
  return { type: 'Feature', properties: { kind, rank }, geometry: { type: 'LineString', coordinates } };
}

function place(rank: number, lon: number, lat: number, names: Names): BaseFeature {
  return {
    type: 'Feature',
    properties: { kind: 'place', rank, ...named(names) },
    geometry: { type: 'Point', coordinates: [lon, lat] },
  };
}

function text(
  of: NonNullable<BaseProperties['of']>,
  rank: number,
  lon: number,
  lat: number,
  turn: number,
  names: Names,
): BaseFeature {
  return {
    type: 'Feature',
    properties: { kind: 'text', of, rank, turn, ...named(names) },
    geometry: { type: 'Point', coordinates: [lon, lat] },
  };
}

function named([vi, en, zh]: Names): Pick<BaseProperties, 'vi' | 'en' | 'zh'> {
  return { vi, en: en ?? vi, zh: zh ?? vi };
}

function graticule(west: number, east: number, south: number, north: number, step: number): BaseFeature[] {
  const lines: BaseFeature[] = [];
  for (let lon = west; lon <= east; lon += step) {
    lines.push(line('graticule', 1, [[lon, south], [lon, north]]));
  }
  for (let lat = south; lat <= north; lat += step) {
    lines.push(line('graticule', 1, [[west, lat], [east, lat]]));
  }
  return lines;
}
