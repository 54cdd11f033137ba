/** Web Mercator, and what part of it fills a given window. Pure. */
import type { Station } from '../contract.ts';
import { HOME, type Bounds } from './base.ts';

/** Width of the world in pixels at zoom 0, as MapLibre counts. */
const WORLD = 512;
export const MIN_ZOOM = 7;
export const MAX_ZOOM = 15;
/** Fitting never goes closer than this: one station needs its surroundings. */
const FIT_ZOOM = 12;

export interface View {
  readonly lon: number;
  readonly lat: number;
  readonly zoom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The part of the world from 0 to 1, west to east and north to south. */
export function mercator(lon: number, lat: number): [x: number, y: number] {
  const sine = Math.sin((lat * Math.PI) / 180);
  return [lon / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
}

function inverse(x: number, y: number): [lon: number, lat: number] {
  const lat = (360 / Math.PI) * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - 90;
  return [(x - 0.5) * 360, lat];
}

/** Where a place is in the window, in pixels from its upper left corner. */
export function project(lon: number, lat: number, view: View, size: Size): [x: number, y: number] {
  const scale = WORLD * 2 ** view.zoom;
  const [x, y] = mercator(lon, lat);
  const [cx, cy] = mercator(view.lon, view.lat);
  return [(x - cx) * scale + size.width / 2, (y - cy) * scale + size.height / 2];
}

export function fit(bounds: Bounds, size: Size, margin: number): View {
  const [x0, y0] = mercator(bounds.west, bounds.north);
  const [x1, y1] = mercator(bounds.east, bounds.south);
  const width = Math.max(50, size.width - 2 * margin);
  const height = Math.max(50, size.height - 2 * margin);
  const zoom = Math.min(
    Math.log2(width / (Math.max(1e-9, x1 - x0) * WORLD)),
    Math.log2(height / (Math.max(1e-9, y1 - y0) * WORLD)),
  );
  const [lon, lat] = inverse((x0 + x1) / 2, (y0 + y1) / 2);
  return { lon, lat, zoom: Math.min(FIT_ZOOM, Math.max(MIN_ZOOM, zoom)) };
}

/** The smallest box around all stations that have a position, or home. */
export function boundsOf(stations: Iterable<Station>): Bounds {
  let bounds: Bounds | null = null;
  for (const { lat, lon } of stations) {
    if (lat === null || lon === null) continue;
    bounds = bounds
      ? {
          west: Math.min(bounds.west, lon),
          south: Math.min(bounds.south, lat),
          east: Math.max(bounds.east, lon),
          north: Math.max(bounds.north, lat),
        }
      : { west: lon, south: lat, east: lon, north: lat };
  }
  return bounds ?? HOME;
}
