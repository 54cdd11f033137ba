import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { live } from '../centre.ts';
import { useWords } from '../i18n/current.ts';
import { Legend } from '../legend.tsx';
import { lookAtStation, selection } from '../looking.ts';
import { palette } from '../palette.ts';
import { useStore } from '../store.ts';
import type { GlMap } from './gl_map.ts';
import { pinsOf, type Pin } from './pin.ts';
import { SvgMap } from './svg_map.tsx';
import { boundsOf, fit, MAX_ZOOM, MIN_ZOOM, type Size, type View } from './view.ts';

/** Room around the stations for their names. */
const MARGIN = 96;

export function MapPanel(): JSX.Element {
  const { t, language } = useWords();
  const state = useStore(live);
  const selected = useStore(selection, (s) => s.station);
  const colours = useStore(palette);
  const host = useRef<HTMLDivElement>(null);
  const glHost = useRef<HTMLDivElement>(null);
  const gl = useRef<GlMap | null>(null);
  const [size, setSize] = useState<Size | null>(null);
  const [view, setView] = useState<View | null>(null);
  const [graphics, setGraphics] = useState<'loading' | 'shown' | 'none'>('loading');

  const pins = useStable(useMemo(() => pinsOf(state, selected, language), [state, selected, language]));
  const fitted = (): View | null => size && fit(boundsOf(state.stations.values()), size, MARGIN);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const measure = (): void =>
      setSize({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  const known = state.stations.size > 0;
  useEffect(() => {
    if (size && (view === null || graphics !== 'shown')) setView(fitted());
  }, [size, known]);

  // The graphics map is built once the stations are known; until it is ready the drawing stands.
  const begun = useRef(false);
  const dress = useRef({ language, palette: colours });
  useEffect(() => {
    const first = fitted();
    if (!first || !known || begun.current || !glHost.current) return;
    begun.current = true;
    const options = {
      host: glHost.current,
      view: first,
      label: t('map.label'),
      pins,
      language,
      palette: colours,
      select: selectStation,
      ready: () => setGraphics('shown'),
      failed: () => {
        gl.current?.remove();
        gl.current = null;
        setGraphics('none');
      },
    };
    dress.current = options;
    void startGraphics(options).then((map) => {
      gl.current = map;
      if (!map) setGraphics('none');
      // Whoever changed the language while the map was loading gets it in the new one.
      else if (dress.current !== options) map.dress(dress.current.language, dress.current.palette);
    });
  }, [size, known]);

  useEffect(() => gl.current?.show(pins), [pins, graphics]);
  useEffect(() => {
    if (!begun.current) return;
    dress.current = { language, palette: colours };
    gl.current?.dress(language, colours);
  }, [language, colours]);

  const zoomBy = (levels: number): void => {
    if (gl.current) gl.current.zoomBy(levels);
    else setView((v) => v && { ...v, zoom: Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, v.zoom + levels)) });
  };
  const showAll = (): void => {
    const all = fitted();
    if (!all) return;
    if (gl.current) gl.current.go(all);
    else setView(all);
  };

  return (
    <section class="panel map" aria-labelledby="map-title" id="map" data-graphics={graphics}>
      <h2 id="map-title" class="visually-hidden">
        {t('map.title')}
      </h2>
      <div class="map-host" ref={host}>
        <div class={`gl-map ${graphics === 'shown' ? '' : 'waiting'}`} ref={glHost} />
        {graphics !== 'shown' && view && size && (
          <SvgMap
            view={view}
            size={size}
            pins={pins}
            language={language}
            label={t('map.label')}
            select={selectStation}
          />
        )}
        <p class="map-note">
          {t('map.schematic')}
          {graphics === 'none' && <> · {t('map.fallback')}</>}
        </p>
        <div class="map-buttons">
          <button type="button" onClick={() => zoomBy(1)} title={t('map.zoomIn')} aria-label={t('map.zoomIn')}>
            +
          </button>
          <button type="button" onClick={() => zoomBy(-1)} title={t('map.zoomOut')} aria-label={t('map.zoomOut')}>
            −
          </button>
          <button type="button" onClick={showAll} title={t('map.fit')} aria-label={t('map.fit')}>
            ⤢
          </button>
        </div>
      </div>
      <Legend />
    </section>
  );
}

function selectStation(station: string): void {
  lookAtStation(live.value, station);
}

async function startGraphics(options: Parameters<typeof import('./gl_map.ts').createGlMap>[0]): Promise<GlMap | null> {
  // `?map=svg` is for machines whose graphics driver misbehaves.
  if (new URLSearchParams(location.search).get('map') === 'svg' || !hasWebGl()) return null;
  try {
    const { createGlMap } = await import('./gl_map.ts');
    return await createGlMap(options);
  } catch {
    return null;
  }
}

function hasWebGl(): boolean {
  try {
    const context = document.createElement('canvas').getContext('webgl2');
    context?.getExtension('WEBGL_lose_context')?.loseContext();
    return context !== null;
  } catch {
    return false;
  }
}

/** The same array as before while it says the same, so that the map is not told twice. */
function useStable(pins: readonly Pin[]): readonly Pin[] {
  const held = useRef({ text: '', pins });
  const text = JSON.stringify(pins);
  if (held.current.text !== text) held.current = { text, pins };
  return held.current.pins;
}
