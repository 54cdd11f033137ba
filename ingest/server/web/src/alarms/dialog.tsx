import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Alarm } from '../contract.ts';
import { acceptAlarm } from '../centre.ts';
import { formatSpan } from '../format.ts';
import { useWords } from '../i18n/current.ts';
import { recall, remember } from '../memory.ts';
import { Modal } from '../modal.tsx';
import { Store } from '../store.ts';
import { LevelChip } from './level_chip.tsx';
import { send, type Deed } from './actions.ts';
import { headlineOf } from './order.ts';

/** The dialog that is open, if one is. */
export const asking = new Store<{ readonly alarm: Alarm; readonly kind: Deed['kind'] } | null>(null);

const MINUTES = [15, 30, 60, 240, 480, 1440];
const MAX_NAME = 80;
const MAX_COMMENT = 500;

/** Kept until the page is closed and no longer: it is a secret. */
let token = '';

export function AlarmDialog({ alarm, kind }: { alarm: Alarm; kind: Deed['kind'] }): JSX.Element {
  const { t, language } = useWords();
  const [state, setState] = useState<'asking' | 'sending'>('asking');
  const [trouble, setTrouble] = useState('');
  const [needsToken, setNeedsToken] = useState(token !== '');
  const close = (): void => asking.set(null);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const of = (name: string): string => String(form.get(name) ?? '').trim();
    const by = of('by');
    token = of('token') || token;
    remember('name', by);
    setState('sending');
    const deed: Deed =
      kind === 'ack'
        ? { kind, by, comment: of('comment') }
        : { kind, by, comment: of('comment'), minutes: Number(of('minutes')) };
    const answer = await send(alarm.id, deed, token);
    setState('asking');
    switch (answer.kind) {
      case 'done':
        acceptAlarm(answer.alarm);
        close();
        break;
      case 'token':
        setNeedsToken(true);
        setTrouble(t('dialog.tokenNeeded'));
        break;
      case 'unreachable':
        setTrouble(t('dialog.unreachable'));
        break;
      case 'refused':
        setTrouble(answer.reason);
    }
  };

  return (
    <Modal title={t(kind === 'ack' ? 'dialog.ackTitle' : 'dialog.shelveTitle')} close={close}>
      <form onSubmit={(event) => void submit(event)}>
        <p class="dialog-about">
          <LevelChip alarm={alarm} />{' '}
          {headlineOf(alarm, language)}
        </p>
        {kind === 'shelve' && <p class="muted">{t('dialog.shelveWhy')}</p>}
        <label>
          {t('dialog.by')}
          <input name="by" required autofocus maxLength={MAX_NAME} autocomplete="name" defaultValue={recall('name') ?? ''} />
        </label>
        {kind === 'shelve' && (
          <label>
            {t('dialog.minutes')}
            <select name="minutes" defaultValue="60">
              {MINUTES.map((minutes) => (
                <option key={minutes} value={minutes} selected={minutes === 60}>
                  {formatSpan(minutes * 60, language)}
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          {t('dialog.comment')}
          <textarea name="comment" rows={3} maxLength={MAX_COMMENT} />
        </label>
        {needsToken && (
          <label>
            {t('dialog.token')}
            <input name="token" type="password" autocomplete="off" />
          </label>
        )}
        <p role="alert" class="trouble">
          {trouble && t('dialog.failed', { reason: trouble })}
        </p>
        <div class="dialog-buttons">
          <button type="button" onClick={close}>
            {t('dialog.cancel')}
          </button>
          <button type="submit" class="primary" disabled={state === 'sending'}>
            {t(state === 'sending' ? 'dialog.sending' : kind === 'ack' ? 'alarms.ack' : 'alarms.shelve')}
          </button>
        </div>
      </form>
    </Modal>
  );
}
