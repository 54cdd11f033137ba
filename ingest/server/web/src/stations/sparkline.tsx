import type { JSX } from 'preact';

const WIDTH = 72;
const HEIGHT = 22;

/** The last values as they arrived; says nothing that the chart does not say better. */
export function Sparkline({ values }: { values: readonly number[] }): JSX.Element {
  const min = Math.min(...values);
  const span = Math.max(...values) - min;
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((v, i) => {
    const y = span > 0 ? HEIGHT - 3 - ((v - min) / span) * (HEIGHT - 6) : HEIGHT / 2;
    return `${(i * step).toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg class="sparkline" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {values.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}
