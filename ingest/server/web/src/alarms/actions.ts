/** What people do with an alarm, sent to the centre. */
import type { Alarm } from '../contract.ts';
import { refusalOf } from '../refusal.ts';

export type Deed =
  | { readonly kind: 'ack'; readonly by: string; readonly comment: string }
  | { readonly kind: 'shelve'; readonly by: string; readonly comment: string; readonly minutes: number }
  | { readonly kind: 'approve' | 'reject'; readonly by: string; readonly comment: string; readonly level: number }
  | { readonly kind: 'all-clear'; readonly by: string; readonly comment: string };

export interface Drill {
  readonly rule: string;
  readonly station: string;
  readonly level: number;
  readonly by: string;
  readonly comment: string;
}

export type Answer =
  | { readonly kind: 'done'; readonly alarm: Alarm }
  | { readonly kind: 'token' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unreachable' };

export function send(id: string, deed: Deed, token: string): Promise<Answer> {
  const { kind, ...body } = deed;
  return post(`/api/v1/alarms/${encodeURIComponent(id)}/${kind}`, body, token);
}

export function beginDrill(drill: Drill, token: string): Promise<Answer> {
  return post('/api/v1/drills', drill, token);
}

async function post(path: string, body: object, token: string): Promise<Answer> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token) headers['authorization'] = `Bearer ${token}`;
  let answer: Response;
  try {
    answer = await fetch(path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
  } catch {
    return { kind: 'unreachable' };
  }
  if (answer.status === 401) return { kind: 'token' };
  if (!answer.ok) return { kind: 'refused', reason: await refusalOf(answer) };
  return { kind: 'done', alarm: (await answer.json()) as Alarm };
}
