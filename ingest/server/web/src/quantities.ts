/** How each quantity of the wire contract is written and drawn. */

export interface QuantityStyle {
  /** Decimal places at which it travels: its resolution. */
  readonly resolution: number;
  /** Decimal places an operator reads. */
  readonly shown: number;
  /** An amount since the reading before, which is summed and drawn as bars; else it is averaged. */
  readonly amount?: true;
}

const TABLE: Readonly<Record<string, QuantityStyle>> = {
  temperature: { resolution: 3, shown: 1 },
  humidity: { resolution: 3, shown: 1 },
  pressure: { resolution: 0, shown: 0 },
  pm1: { resolution: 1, shown: 1 },
  pm2_5: { resolution: 1, shown: 1 },
  pm4: { resolution: 1, shown: 1 },
  pm10: { resolution: 1, shown: 1 },
  co2: { resolution: 0, shown: 0 },
  no2: { resolution: 0, shown: 0 },
  so2: { resolution: 0, shown: 0 },
  o3: { resolution: 0, shown: 0 },
  co: { resolution: 0, shown: 0 },
  sound_level: { resolution: 1, shown: 1 },
  rain: { resolution: 2, shown: 2, amount: true },
  rain_intensity: { resolution: 2, shown: 1 },
  water_level: { resolution: 3, shown: 2 },
  soil_moisture: { resolution: 1, shown: 1 },
  tilt: { resolution: 0, shown: 0 },
  displacement: { resolution: 2, shown: 2 },
  ground_velocity: { resolution: 0, shown: 0 },
  wind_speed: { resolution: 2, shown: 1 },
  wind_direction: { resolution: 0, shown: 0 },
  lightning_distance: { resolution: 0, shown: 0 },
  vehicle_count: { resolution: 0, shown: 0, amount: true },
  vehicle_speed: { resolution: 1, shown: 1 },
  occupancy: { resolution: 1, shown: 1 },
  voltage: { resolution: 3, shown: 2 },
  signal_strength: { resolution: 0, shown: 0 },
  length: { resolution: 3, shown: 3 },
  dimensionless: { resolution: 3, shown: 3 },
};

const UNKNOWN: QuantityStyle = { resolution: 3, shown: 3 };

export const QUANTITIES: readonly string[] = Object.keys(TABLE);

export function styleOf(quantity: string): QuantityStyle {
  return TABLE[quantity] ?? UNKNOWN;
}
