import { describe, expect, it } from 'vitest';
import type { Station } from '../contract.ts';
import { BASE, HOME } from './base.ts';
import { fitting } from './labels.ts';
import { boundsOf, fit, MAX_ZOOM, mercator, MIN_ZOOM, project } from './view.ts';

const size = { width: 880, height: 430 };

describe('the view', () => {
  it('has the middle of the world in the middle', () => {
    expect(mercator(0, 0)).toEqual([0.5, 0.5]);
    expect(mercator(180, 0)[0]).toBe(1);
    expect(project(103.9, 22.4, { lon: 103.9, lat: 22.4, zoom: 11 }, size)).toEqual([440, 215]);
  });

  it('shows all it was fitted to, with a margin, and north is up', () => {
    const view = fit(HOME, size, 60);
    const [west, north] = project(HOME.west, HOME.north, view, size);
    const [east, south] = project(HOME.east, HOME.south, view, size);
    expect(west).toBeGreaterThanOrEqual(59.9);
    expect(east).toBeLessThanOrEqual(size.width - 59.9);
    expect(north).toBeGreaterThanOrEqual(59.9);
    expect(south).toBeLessThanOrEqual(size.height - 59.9);
    expect(south).toBeGreaterThan(north);
  });

  it('stays within its zooms for a point, the world and no room at all', () => {
    const point = { west: 104, south: 22, east: 104, north: 22 };
    const world = { west: -180, south: -80, east: 180, north: 80 };
    for (const view of [fit(point, size, 60), fit(world, size, 60), fit(point, { width: 0, height: 0 }, 60)]) {
      expect(view.zoom).toBeGreaterThanOrEqual(MIN_ZOOM);
      expect(view.zoom).toBeLessThanOrEqual(MAX_ZOOM);
    }
  });

  it('is home while no station has a position', () => {
    expect(boundsOf([{ lat: null, lon: null } as Station])).toBe(HOME);
    const somewhere = { lat: 22.34, lon: 103.84 } as Station;
    expect(boundsOf([somewhere])).toEqual({ west: 103.84, east: 103.84, south: 22.34, north: 22.34 });
  });
});

describe('the base', () => {
  it('names every place and line in every language, in composed form', () => {
    for (const { properties, geometry } of BASE.features) {
      if (geometry.type !== 'Point') continue;
      for (const name of [properties.vi, properties.en, properties.zh]) {
        expect(name).toBeTruthy();
        expect(name).toBe(name?.normalize('NFC'));
      }
    }
  });

  it('lies in and around the province', () => {
    const positions = BASE.features.flatMap(({ geometry }) =>
      geometry.type === 'Point' ? [geometry.coordinates] : geometry.type === 'Polygon' ? geometry.coordinates.flat() : geometry.coordinates,
    );
    for (const [lon = 0, lat = 0] of positions) {
      expect(lon).toBeGreaterThanOrEqual(101);
      expect(lon).toBeLessThanOrEqual(107);
      expect(lat).toBeGreaterThanOrEqual(20);
      expect(lat).toBeLessThanOrEqual(25);
    }
  });
});

describe('labels', () => {
  it('go where there is room, the first before the later', () => {
    const box = (left: number): { left: number; right: number; top: number; bottom: number } => ({ left, right: left + 10, top: 0, bottom: 10 });
    expect(fitting([box(0), box(5), box(20), box(2000)], [box(25)], size)).toEqual([true, false, false, false]);
    expect(fitting([box(0), box(10)], [], size)).toEqual([true, true]);
  });
});
