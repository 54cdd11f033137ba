/** The vertical range of a chart. Pure. */

/**
 * A little more than the values span, but never so little that the last decimal place fills the
 * screen: `decimals` 2 shows at least 0.2 from bottom to top. Amounts start at zero.
 */
export function valueRange(
  values: Iterable<number | null>,
  decimals: number,
  amount: boolean,
): [number, number] {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (value === null) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const least = 20 * 10 ** -decimals;
  if (min > max) return [0, least];
  if (amount) return [Math.min(0, min), Math.max(max * 1.12, least / 4)];
  const missing = least - (max - min);
  const margin = missing > 0 ? missing / 2 : (max - min) * 0.1;
  return [min - margin, max + margin];
}
