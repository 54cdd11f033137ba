/** The colours of the style sheet, for what is drawn on a canvas; follows the system's theme. */
import { Store } from './store.ts';
import type { StationState } from './contract.ts';

export interface Palette extends Record<StationState, string> {
  readonly text: string;
  readonly muted: string;
  readonly panel: string;
  readonly accent: string;
  readonly line: string;
  readonly band: string;
  readonly bar: string;
  readonly grid: string;
  readonly hatch: string;
  /** By warning level, 0 to 5. */
  readonly levels: readonly string[];
  readonly onLevels: readonly string[];
  readonly land: string;
  readonly beyond: string;
  readonly graticule: string;
  readonly border: string;
  readonly river: string;
  readonly riverText: string;
  readonly road: string;
  readonly place: string;
  readonly halo: string;
}

function read(): Palette {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const numbers = [0, 1, 2, 3, 4, 5];
  return {
    fresh: of('fresh'),
    late: of('late'),
    lost: of('lost'),
    never: of('never'),
    text: of('text'),
    muted: of('muted'),
    panel: of('panel'),
    accent: of('accent'),
    line: of('line'),
    band: of('band'),
    bar: of('bar'),
    grid: of('grid'),
    hatch: of('hatch'),
    levels: numbers.map((n) => of(`level-${n}`)),
    onLevels: numbers.map((n) => of(`on-level-${n}`)),
    land: of('map-land'),
    beyond: of('map-beyond'),
    graticule: of('map-graticule'),
    border: of('map-border'),
    river: of('map-river'),
    riverText: of('map-river-text'),
    road: of('map-road'),
    place: of('map-place'),
    halo: of('map-halo'),
  };
}

export const palette = new Store<Palette>(read());

export function followTheme(): void {
  palette.set(read());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => palette.set(read()));
}
