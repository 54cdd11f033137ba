/** The shape of each state, so that nobody has to tell colours apart; on a square of 24. */
import type { StationState } from '../contract.ts';

export interface Shape {
  readonly outline: string;
  /** Drawn inside the outline, in the colour of the background. */
  readonly inside?: string;
  readonly hollow?: true;
}

export const SHAPES: Record<StationState, Shape> = {
  fresh: { outline: 'M12 4.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15z' },
  late: { outline: 'M12 3.5L21 19.5H3z' },
  lost: { outline: 'M4.5 4.5h15v15h-15z', inside: 'M8.5 8.5l7 7M15.5 8.5l-7 7' },
  never: { outline: 'M12 3L21 12L12 21L3 12z', hollow: true },
};
