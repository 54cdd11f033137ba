/** The map on the graphics card. Loaded only when it is to be shown: MapLibre is a megabyte. */
import {
  Map as MapLibre,
  setWorkerUrl,
  type ExpressionSpecification,
  type GeoJSONSource,
  type LayerSpecification,
  type StyleSpecification,
  type SymbolLayerSpecification,
} from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import 'maplibre-gl/dist/maplibre-gl.css';
import type { FeatureCollection, Point } from 'geojson';
import type { Language } from '../i18n/language.ts';
import type { Palette } from '../palette.ts';
import { BASE } from './base.ts';
import { drawIcon, ICON_RATIO } from './icon.ts';
import type { Pin } from './pin.ts';
import { MAX_ZOOM, MIN_ZOOM, type View } from './view.ts';

/** How far the map can be dragged: the province and its neighbours. */
const EDGE: [number, number, number, number] = [102.6, 21.4, 105.4, 23.6];
const FONTS = ['Noto Sans', 'Segoe UI', 'Roboto', 'Helvetica Neue', 'Arial', 'sans-serif'];

export interface GlMapOptions {
  readonly host: HTMLElement;
  readonly view: View;
  readonly label: string;
  readonly pins: readonly Pin[];
  readonly language: Language;
  readonly palette: Palette;
  readonly select: (station: string) => void;
  readonly ready: () => void;
  /** The graphics card is gone or never was. */
  readonly failed: () => void;
}

export interface GlMap {
  show(pins: readonly Pin[]): void;
  dress(language: Language, palette: Palette): void;
  go(view: View): void;
  zoomBy(levels: number): void;
  remove(): void;
}

let workerReady: Promise<void> | null = null;

/**
 * The content policy allows workers from `blob:` alone, so the worker's code, a file of this page,
 * is fetched and handed over as one. A refusal is not remembered: the next try may go through.
 */
async function prepareWorker(): Promise<void> {
  workerReady ??= (async () => {
    const answer = await fetch(workerUrl);
    if (!answer.ok) throw new Error(`HTTP ${answer.status} for the map's worker`);
    const code = new Blob([await answer.arrayBuffer()], { type: 'text/javascript' });
    setWorkerUrl(URL.createObjectURL(code));
  })().catch((error: unknown) => {
    workerReady = null;
    throw error;
  });
  return workerReady;
}

export async function createGlMap(options: GlMapOptions): Promise<GlMap> {
  await prepareWorker();
  let { palette, pins } = options;
  const narrow = matchMedia('(max-width: 800px)').matches;
  const map = new MapLibre({
    container: options.host,
    style: styleOf(options.language, palette, pins),
    center: [options.view.lon, options.view.lat],
    zoom: options.view.zoom,
    minZoom: MIN_ZOOM,
    maxZoom: MAX_ZOOM,
    maxBounds: EDGE,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    rollEnabled: false,
    // On a phone one finger scrolls the page; two move the map.
    cooperativeGestures: narrow,
    renderWorldCopies: false,
    fadeDuration: 0,
    locale: { 'Map.Title': options.label },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();

  map.setMissingStyleImageResolver((id) => {
    const image = drawIcon(id, palette);
    if (image) map.addImage(id, image, { pixelRatio: ICON_RATIO });
  });
  map.on('click', 'stations', (event) => {
    const id: unknown = event.features?.[0]?.properties['id'];
    if (typeof id === 'string') options.select(id);
  });
  map.on('mouseenter', 'stations', () => (map.getCanvas().style.cursor = 'pointer'));
  map.on('mouseleave', 'stations', () => (map.getCanvas().style.cursor = ''));
  map.once('idle', options.ready);
  map.on('webglcontextlost', options.failed);

  return {
    show(next) {
      pins = next;
      map.getSource<GeoJSONSource>('stations')?.setData(collect(next));
    },
    dress(language, next) {
      palette = next;
      // Icons are named after what they show, not after the theme; a new style draws them anew.
      map.setStyle(styleOf(language, next, pins), { diff: false });
    },
    go(view) {
      map.easeTo({ center: [view.lon, view.lat], zoom: view.zoom, duration: calm() ? 0 : 600 });
    },
    zoomBy(levels) {
      map.easeTo({ zoom: map.getZoom() + levels, duration: calm() ? 0 : 200 });
    },
    remove() {
      map.remove();
    },
  };
}

function calm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

function collect(pins: readonly Pin[]): FeatureCollection<Point> {
  return {
    type: 'FeatureCollection',
    features: pins.map((pin) => ({
      type: 'Feature',
      properties: {
        id: pin.id,
        icon: `pin:${pin.state}:${pin.level}:${pin.selected ? 1 : 0}`,
        label: pin.value ? `${pin.name}\n${pin.value}` : pin.name,
        // Lower is drawn later and placed first: what is in trouble wins the room for its label.
        order: -(pin.level * 10 + (pin.selected ? 5 : 0)),
      },
      geometry: { type: 'Point', coordinates: [pin.lon, pin.lat] },
    })),
  };
}

/** No `glyphs` and no `sprite`: letters are drawn from the browser's own fonts, icons by us. */
function styleOf(language: Language, palette: Palette, pins: readonly Pin[]): StyleSpecification {
  return {
    version: 8,
    sources: {
      base: { type: 'geojson', data: BASE },
      stations: { type: 'geojson', data: collect(pins) },
    },
    layers: [...baseLayers(palette), ...textLayers(language, palette), ...stationLayers(palette)],
  };
}

function only(kind: string): ExpressionSpecification {
  return ['==', ['get', 'kind'], kind];
}

function byRank(first: number, second: number, third: number): ExpressionSpecification {
  return ['match', ['get', 'rank'], 1, first, 2, second, third];
}

function baseLayers(palette: Palette): LayerSpecification[] {
  const round = { 'line-cap': 'round', 'line-join': 'round' } as const;
  return [
    { id: 'land', type: 'background', paint: { 'background-color': palette.land } },
    { id: 'beyond', type: 'fill', source: 'base', filter: only('beyond'), paint: { 'fill-color': palette.beyond } },
    {
      id: 'graticule', type: 'line', source: 'base', filter: only('graticule'),
      paint: { 'line-color': palette.graticule, 'line-width': 1 },
    },
    {
      id: 'ridge', type: 'line', source: 'base', filter: only('ridge'), layout: round,
      paint: { 'line-color': palette.place, 'line-width': 3, 'line-dasharray': [0.1, 2.4], 'line-opacity': 0.5 },
    },
    {
      id: 'river-glow', type: 'line', source: 'base', filter: only('river'), layout: round,
      paint: { 'line-color': palette.river, 'line-width': byRank(13, 7, 4), 'line-opacity': 0.22 },
    },
    {
      id: 'river', type: 'line', source: 'base', filter: only('river'), layout: round,
      paint: { 'line-color': palette.river, 'line-width': byRank(5, 2.6, 1.4) },
    },
    {
      id: 'border', type: 'line', source: 'base', filter: only('border'),
      paint: { 'line-color': palette.border, 'line-width': 1.6, 'line-dasharray': [5, 2, 1, 2] },
    },
    {
      id: 'road', type: 'line', source: 'base', filter: only('road'), layout: round,
      paint: { 'line-color': palette.road, 'line-width': byRank(2, 1.3, 1) },
    },
    {
      id: 'place', type: 'circle', source: 'base', filter: only('place'),
      paint: {
        'circle-radius': byRank(4, 3, 2.2),
        'circle-color': palette.halo,
        'circle-stroke-color': palette.place,
        'circle-stroke-width': 1.5,
      },
    },
  ];
}

function textLayers(language: Language, palette: Palette): LayerSpecification[] {
  const common = { 'text-field': ['get', language] as ExpressionSpecification, 'text-font': FONTS };
  const haloed = { 'text-halo-color': palette.halo, 'text-halo-width': 1.6 };
  const slanted: ExpressionSpecification = ['!=', ['get', 'turn'], 0];
  const text = {
    type: 'symbol',
    source: 'base',
    paint: {
      ...haloed,
      'text-color': ['match', ['get', 'of'], 'river', palette.riverText, palette.place] as ExpressionSpecification,
    },
  } as const;
  const layout: SymbolLayerSpecification['layout'] = {
    ...common,
    'text-max-width': 30,
    'text-size': ['match', ['get', 'of'], 'country', 13, 'road', 10.5, 12],
    'text-letter-spacing': ['match', ['get', 'of'], 'country', 0.35, 'ridge', 0.2, 0.06],
  };
  return [
    { id: 'text', ...text, filter: ['all', only('text'), ['!', slanted]], layout },
    {
      // Names along a line stand on it, where nothing else is; their boxes would claim far more.
      id: 'slanted-text',
      ...text,
      filter: ['all', only('text'), slanted],
      layout: { ...layout, 'text-rotate': ['get', 'turn'], 'text-allow-overlap': true, 'text-ignore-placement': true },
    },
    {
      id: 'place-text', type: 'symbol', source: 'base', filter: only('place'),
      layout: {
        ...common,
        'text-size': byRank(15, 13, 11.5),
        'text-variable-anchor': ['top', 'bottom', 'left', 'right'],
        'text-radial-offset': 0.6,
        'symbol-sort-key': ['get', 'rank'],
      },
      paint: { ...haloed, 'text-color': palette.place },
    },
  ];
}

function stationLayers(palette: Palette): LayerSpecification[] {
  return [
    {
      id: 'station-text', type: 'symbol', source: 'stations',
      layout: {
        'text-field': ['get', 'label'],
        'text-font': FONTS,
        'text-size': 13,
        'text-max-width': 24,
        'text-justify': 'auto',
        'text-variable-anchor': ['right', 'left', 'bottom', 'top'],
        // Clear of the station's own icon, which takes its room first.
        'text-radial-offset': 1.9,
        'text-line-height': 1.25,
        'symbol-sort-key': ['get', 'order'],
      },
      paint: { 'text-color': palette.text, 'text-halo-color': palette.halo, 'text-halo-width': 2.2 },
    },
    {
      id: 'stations', type: 'symbol', source: 'stations',
      layout: {
        'icon-image': ['get', 'icon'],
        'icon-allow-overlap': true,
        'icon-padding': 0,
        'symbol-sort-key': ['-', 0, ['get', 'order']],
      },
    },
  ];
}
