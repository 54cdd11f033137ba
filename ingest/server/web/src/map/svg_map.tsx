/** The same map as a drawing: at once while the other loads, and for good where WebGL is missing. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Feature, Position } from 'geojson';
import type { Language } from '../i18n/language.ts';
import { BASE, type BaseKind, type BaseProperties } from './base.ts';
import { fitting, type Box } from './labels.ts';
import type { Pin } from './pin.ts';
import { SHAPES } from './shapes.ts';
import { project, type Size, type View } from './view.ts';

interface SvgMapProps {
  readonly view: View;
  readonly size: Size;
  readonly pins: readonly Pin[];
  readonly language: Language;
  readonly label: string;
  readonly select: (station: string) => void;
}

const ORDER: readonly BaseKind[] = ['beyond', 'graticule', 'ridge', 'river', 'border', 'road', 'place'];
const PLACE_SIZES = [0, 15, 13, 11.5];

export function SvgMap({ view, size, pins, language, label, select }: SvgMapProps): JSX.Element {
  const base = useMemo(() => <Base view={view} size={size} />, [view, size]);
  const at = (p: Pin): [number, number] => project(p.lon, p.lat, view, size);
  return (
    <svg class="svg-map" width={size.width} height={size.height} role="group" aria-label={label}>
      {base}
      <Texts view={view} size={size} language={language} taken={[noteBox(size), ...pins.map((p) => pinBox(p, at(p)))]} />
      {pins.map((pin) => (
        <PinMark key={pin.id} pin={pin} at={at(pin)} select={select} />
      ))}
    </svg>
  );
}

function Base({ view, size }: { view: View; size: Size }): JSX.Element {
  const path = (coordinates: readonly Position[]): string =>
    coordinates
      .map(([lon = 0, lat = 0], i) => {
        const [x, y] = project(lon, lat, view, size);
        return `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
      })
      .join('');
  const draw = ({ geometry, properties }: (typeof BASE.features)[number], i: number): JSX.Element => {
    const css = `base-${properties.kind} rank-${properties.rank}`;
    if (geometry.type === 'Point') {
      const [x, y] = project(geometry.coordinates[0] ?? 0, geometry.coordinates[1] ?? 0, view, size);
      return <circle key={i} class={css} cx={x} cy={y} r={5 - properties.rank} />;
    }
    const lines = geometry.type === 'Polygon' ? (geometry.coordinates[0] ?? []) : geometry.coordinates;
    return <path key={i} class={css} d={path(lines)} />;
  };
  return (
    <g>{ORDER.flatMap((kind) => BASE.features.filter((f) => f.properties.kind === kind).map(draw))}</g>
  );
}

interface TextsProps {
  readonly view: View;
  readonly size: Size;
  readonly language: Language;
  readonly taken: readonly Box[];
}

function Texts({ view, size, language, taken }: TextsProps): JSX.Element {
  const texts = BASE.features
    .filter((f): f is Feature<{ type: 'Point'; coordinates: Position }, BaseProperties> => f.geometry.type === 'Point')
    .sort((a, b) => a.properties.rank - b.properties.rank)
    .map((f) => {
      const [x, y] = project(f.geometry.coordinates[0] ?? 0, f.geometry.coordinates[1] ?? 0, view, size);
      const isPlace = f.properties.kind === 'place';
      const text = f.properties[language] ?? '';
      const font = isPlace ? (PLACE_SIZES[f.properties.rank] ?? 11) : 12;
      const lower = isPlace ? y + font + 3 : y + 4;
      return { f, x, y: lower, text, font, box: textBox(x, lower, text, font) };
    });
  const shown = fitting(texts.map((t) => t.box), taken, size);
  return (
    <g aria-hidden="true">
      {texts.map(({ f, x, y, text, font }, i) =>
        shown[i] ? (
          <text
            key={text + x}
            class={`base-text of-${f.properties.of ?? 'place'}`}
            x={x}
            y={y}
            font-size={font}
            transform={f.properties.turn ? `rotate(${f.properties.turn} ${x} ${y})` : undefined}
          >
            {text}
          </text>
        ) : null,
      )}
    </g>
  );
}

interface PinMarkProps {
  readonly pin: Pin;
  readonly at: [number, number];
  readonly select: (station: string) => void;
}

function PinMark({ pin, at: [x, y], select }: PinMarkProps): JSX.Element {
  const shape = SHAPES[pin.state];
  return (
    // The list of stations is the way for the keyboard; a click is a short cut.
    <g class="pin" transform={`translate(${x} ${y})`} onClick={() => select(pin.id)}>
      {pin.level > 0 && <circle class={`pin-warning level-${pin.level}`} r={17} />}
      {pin.selected && <circle class="pin-selected" r={21} />}
      <g class={`shape-${pin.state}`} transform="translate(-12 -12)">
        <path class="pin-halo" d={shape.outline} />
        <path class={shape.hollow ? 'hollow' : 'filled'} d={shape.outline} />
        {shape.inside && <path class="inside" d={shape.inside} />}
      </g>
      {pin.level > 0 && (
        <g class={`pin-badge level-${pin.level}`} transform="translate(14 -14)">
          <circle r={8.5} />
          <text y={4}>{pin.level}</text>
        </g>
      )}
      <text class="pin-name" x={-26} y={pin.value ? -3 : 5}>
        {pin.name}
      </text>
      <text class="pin-name" x={-26} y={14}>
        {pin.value}
      </text>
    </g>
  );
}

/** Where the note on the map stands. */
function noteBox(size: Size): Box {
  return { left: 0, right: 460, top: size.height - 30, bottom: size.height };
}

function pinBox(pin: Pin, [x, y]: [number, number]): Box {
  const wide = 26 + Math.max(pin.name.length, pin.value.length) * 7.5;
  return { left: x - wide, right: x + 24, top: y - 24, bottom: y + 24 };
}

function textBox(x: number, y: number, text: string, font: number): Box {
  const half = (text.length * font * 0.56) / 2;
  return { left: x - half, right: x + half, top: y - font, bottom: y + 3 };
}
