import type { JSX } from 'preact';
import type { StationState } from '../contract.ts';
import { SHAPES } from './shapes.ts';

/** The shape of a state, in its colour. The text beside it says the same. */
export function StateShape({ state, size = 16 }: { state: StationState; size?: number }): JSX.Element {
  const shape = SHAPES[state];
  return (
    <svg class={`shape shape-${state}`} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path class={shape.hollow ? 'hollow' : 'filled'} d={shape.outline} />
      {shape.inside && <path class="inside" d={shape.inside} />}
    </svg>
  );
}
