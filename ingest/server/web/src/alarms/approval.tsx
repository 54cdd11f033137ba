import type { JSX } from 'preact';
import type { Alarm } from '../contract.ts';
import { formatTime } from '../format.ts';
import { useWords } from '../i18n/current.ts';

/** What the public has been told, and whether a draft waits for somebody's word. */
export function ApprovalNote({ alarm }: { alarm: Alarm }): JSX.Element | null {
  const { t, language } = useWords();
  const { approval } = alarm;
  if (!approval) return null;
  const level = alarm.public_level ?? 0;
  const told = level > 0 ? t('approval.told', { level }) : t('approval.untold');
  if (approval.state === 'waiting') {
    return (
      <p class="alarm-draft">
        <strong>{t('approval.waiting')}</strong> {told}{' '}
        <a href={`/api/v1/alarms/${alarm.id}/draft`}>{t('approval.draft')}</a>
      </p>
    );
  }
  const time = approval.at === null ? '' : formatTime(Date.parse(approval.at), 'clock', language);
  return (
    <p class="alarm-deed">
      {t(`approval.${approval.state}`, { by: approval.by ?? '', time })} {told}
      {approval.comment && <q>{approval.comment}</q>}
    </p>
  );
}
