import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { acceptAlarm, live } from '../centre.ts';
import type { Drillable } from '../contract.ts';
import { stationName } from '../format.ts';
import { useWords } from '../i18n/current.ts';
import { recall, remember } from '../memory.ts';
import { Modal } from '../modal.tsx';
import { Store } from '../store.ts';
import { beginDrill } from './actions.ts';
import { heldToken, holdToken } from './token.ts';

/** Whether the dialog is open. */
export const drilling = new Store(false);

const MAX_NAME = 80;
const MAX_COMMENT = 500;

type Known = { readonly kind: 'asking' | 'unreachable' } | { readonly kind: 'known'; readonly rules: readonly Drillable[] };

export function DrillDialog(): JSX.Element {
  const { t, language } = useWords();
  const [known, setKnown] = useState<Known>({ kind: 'asking' });
  const [rule, setRule] = useState('');
  const [sending, setSending] = useState(false);
  const [trouble, setTrouble] = useState('');
  const [needsToken, setNeedsToken] = useState(heldToken() !== '');
  const close = (): void => drilling.set(false);

  useEffect(() => {
    fetch('/api/v1/drills')
      .then(async (answer) => {
        const all = answer.ok ? ((await answer.json()) as Drillable[]).filter((one) => one.stations.length > 0) : null;
        setKnown(all ? { kind: 'known', rules: all } : { kind: 'unreachable' });
        setRule(all?.[0]?.rule ?? '');
      })
      .catch(() => setKnown({ kind: 'unreachable' }));
  }, []);

  const rules = known.kind === 'known' ? known.rules : [];
  const chosen = rules.find((one) => one.rule === rule);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const of = (name: string): string => String(form.get(name) ?? '').trim();
    remember('name', of('by'));
    holdToken(of('token'));
    setSending(true);
    const drill = { rule, station: of('station'), level: Number(of('level')), by: of('by'), comment: of('comment') };
    const answer = await beginDrill(drill, heldToken());
    setSending(false);
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
    <Modal title={t('drill.title')} close={close}>
      <p class="muted">{t('drill.why')}</p>
      {known.kind === 'asking' && <p class="muted">…</p>}
      {known.kind === 'unreachable' && <p class="trouble">{t('dialog.failed', { reason: t('dialog.unreachable') })}</p>}
      {known.kind === 'known' && rules.length === 0 && <p class="muted">{t('drill.nothing')}</p>}
      {chosen && (
        <form onSubmit={(event) => void submit(event)}>
          <label>
            {t('drill.rule')}
            <select value={rule} onChange={(event) => setRule(event.currentTarget.value)}>
              {rules.map((one) => (
                <option key={one.rule} value={one.rule}>
                  {one.event[language]} ({one.rule})
                </option>
              ))}
            </select>
          </label>
          <label>
            {t('drill.station')}
            <select name="station" key={`station ${rule}`}>
              {chosen.stations.map((id) => {
                const station = live.value.stations.get(id);
                return (
                  <option key={id} value={id}>
                    {station ? stationName(station, language) : id}
                  </option>
                );
              })}
            </select>
          </label>
          <label>
            {t('drill.level')}
            <select name="level" key={`level ${rule}`}>
              {chosen.levels.map(({ level, name }) => (
                <option key={level} value={level}>
                  {level} – {name[language]}
                </option>
              ))}
            </select>
          </label>
          <label>
            {t('dialog.by')}
            <input name="by" required maxLength={MAX_NAME} autocomplete="name" defaultValue={recall('name') ?? ''} />
          </label>
          <label>
            {t('drill.about')}
            <textarea name="comment" rows={2} maxLength={MAX_COMMENT} />
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
            <button type="submit" class="primary" disabled={sending}>
              {t(sending ? 'dialog.sending' : 'drill.begin')}
            </button>
          </div>
        </form>
      )}
    </Modal>
  );
}
