/** Which texts find room on the drawing. Pure. */
import type { Size } from './view.ts';

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** One answer a box, first come first served: inside the window and clear of what was placed. */
export function fitting(boxes: readonly Box[], taken: readonly Box[], size: Size): boolean[] {
  const placed = [...taken];
  return boxes.map((box) => {
    const inside =
      box.right > 0 && box.left < size.width && box.bottom > 0 && box.top < size.height;
    if (!inside || placed.some((other) => overlap(box, other))) return false;
    placed.push(box);
    return true;
  });
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
