import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Alarm, Receipt } from '../contract.ts';
import { useWords } from '../i18n/current.ts';

type Known = { readonly kind: 'asking' | 'unreachable' } | { readonly kind: 'known'; readonly receipts: readonly Receipt[] };

/** Who has been told of an alarm and how far that is; asked for when somebody wants to know. */
export function Receipts({ alarm }: { alarm: Alarm }): JSX.Element {
  const { t } = useWords();
  const [known, setKnown] = useState<Known>({ kind: 'asking' });
  const open = async (event: Event): Promise<void> => {
    if (!(event.currentTarget as HTMLDetailsElement).open) return;
    try {
      const answer = await fetch(`/api/v1/alarms/${encodeURIComponent(alarm.id)}/receipts`);
      if (!answer.ok) return setKnown({ kind: 'unreachable' });
      setKnown({ kind: 'known', receipts: (await answer.json()) as Receipt[] });
    } catch {
      setKnown({ kind: 'unreachable' });
    }
  };
  return (
    <details class="receipts" onToggle={(event) => void open(event)}>
      <summary>{t('receipts.title')}</summary>
      {known.kind === 'asking' && <p class="muted">…</p>}
      {known.kind === 'unreachable' && <p class="muted">{t('receipts.unknown')}</p>}
      {known.kind === 'known' && known.receipts.length === 0 && <p class="muted">{t('receipts.none')}</p>}
      {known.kind === 'known' && known.receipts.length > 0 && (
        <ul>
          {known.receipts.map((receipt) => (
            <li key={`${receipt.recipient} ${receipt.channel}`}>
              {receipt.name} · {receipt.channel} · <strong>{t(`receipts.${receipt.state}`)}</strong>
              {receipt.error !== null && <span class="muted"> ({receipt.error})</span>}
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}
