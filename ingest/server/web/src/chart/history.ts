/** Asking the centre for history. */
import type { History } from '../contract.ts';
import { refusalOf } from '../refusal.ts';

export interface Stream {
  readonly station: string;
  readonly channel: string;
}

/** The address of a span of history; `step` null asks for every reading. Pure. */
export function historyUrl(
  stream: Stream,
  fromS: number,
  toS: number,
  step: number | null,
  amount: boolean,
  format: 'json' | 'csv' = 'json',
): string {
  const query = new URLSearchParams({
    station: stream.station,
    channel: stream.channel,
    from: new Date(fromS * 1000).toISOString(),
    to: new Date(toS * 1000).toISOString(),
  });
  if (step !== null) {
    query.set('step', `${step}s`);
    query.set('fn', amount ? 'sum,count' : 'mean,min,max,count');
  }
  if (format !== 'json') query.set('format', format);
  return `/api/v1/history?${query}`;
}

export async function fetchHistory(url: string, signal: AbortSignal): Promise<History> {
  const answer = await fetch(url, { signal, headers: { accept: 'application/json' } });
  if (!answer.ok) throw new Error(await refusalOf(answer));
  return (await answer.json()) as History;
}
