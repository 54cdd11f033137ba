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
import { heldToken, holdToken } from './token.ts';

/** The dialog that is open, if one is. */
export const asking = new Store<{ readonly alarm: Alarm; readonly kind: Deed['kind'] } | null>(null);

const MINUTES = [15, 30, 60, 240, 480, 1440];
const MAX_NAME = 80;
const MAX_COMMENT = 500;

/** What is decided against a warning needs its reason. */
function reasoned(kind: Deed['kind']): boolean {
  return kind === 'reject' || kind === 'all-clear';
}

function deedOf(kind: Deed['kind'], alarm: Alarm, by: string, comment: string, minutes: number): Deed {
  switch (kind) {
    case 'shelve':
      return { kind, by, comment, minutes };
    case 'approve':
    case 'reject':
      // The level that was on the screen: the centre refuses when it is another by now.
      return { kind, by, comment, level: alarm.level };
    case 'ack':
    case 'all-clear':
      return { kind, by, comment };
  }
}

export function AlarmDialog({ alarm, kind }: { alarm: Alarm; kind: Deed['kind'] }): JSX.Element {
  const { t, language } = useWords();
  const [state, setState] = useState<'asking' | 'sending'>('asking');
  const [trouble, setTrouble] = useState('');
  const [needsToken, setNeedsToken] = useState(heldToken() !== '');
  const close = (): void => asking.set(null);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const of = (name: string): string => String(form.get(name) ?? '').trim();
    const by = of('by');
    holdToken(of('token'));
    remember('name', by);
    setState('sending');
    const comment = of('comment');
    const answer = await send(alarm.id, deedOf(kind, alarm, by, comment, Number(of('minutes'))), heldToken());
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
    <Modal title={t(`title.${kind}`)} close={close}>
      <form onSubmit={(event) => void submit(event)}>
        <p class="dialog-about">
          <LevelChip alarm={alarm} />{' '}
          {headlineOf(alarm, language)}
        </p>
        {kind !== 'ack' && <p class="muted">{t(`why.${kind}`)}</p>}
        {alarm.drill && <p class="muted">{t('alarms.drillWhy')}</p>}
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
          {t(reasoned(kind) ? 'dialog.reason' : 'dialog.comment')}
          <textarea name="comment" rows={3} maxLength={MAX_COMMENT} required={reasoned(kind)} />
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
            {t(state === 'sending' ? 'dialog.sending' : `alarms.${kind}`)}
          </button>
        </div>
      </form>
    </Modal>
  );
}
