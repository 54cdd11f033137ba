import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ForeignAlert, ForeignAlerts } from '../contract.ts';
import { formatTime } from '../format.ts';
import { useWords } from '../i18n/current.ts';
import type { Language } from '../i18n/language.ts';

/** How often the centre is asked: it asks the others once in some minutes. */
const ASK_EVERY_MS = 60_000;
const MAX_SHOWN = 20;

/** What others warn of. Shown, and nothing more: it raises no alarm here. */
export function Foreign(): JSX.Element | null {
  const { t, language } = useWords();
  const [known, setKnown] = useState<ForeignAlerts | null>(null);
  useEffect(() => {
    const ask = async (): Promise<void> => {
      try {
        const answer = await fetch('/api/v1/foreign-alerts');
        if (answer.ok) setKnown((await answer.json()) as ForeignAlerts);
      } catch {
        // The banner says that the connection is lost.
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  if (known === null || known.feeds.length === 0) return null;
  return (
    <>
      <h3>
        {t('foreign.title')} <span class="muted">{known.alerts.length}</span>
      </h3>
      {known.feeds.map(({ name, trouble }) =>
        trouble === null ? null : (
          <p key={name} class="note">
            {t('foreign.trouble', { feed: name, reason: trouble })}
          </p>
        ),
      )}
      {known.alerts.length === 0 && <p class="note">{t('foreign.none')}</p>}
      <ul class="alarm-list place-foreign">
        {known.alerts.slice(0, MAX_SHOWN).map((alert) => (
          <ForeignCard key={alert.address} alert={alert} language={language} />
        ))}
      </ul>
    </>
  );
}

const LEVELS: Readonly<Record<string, number>> = { Minor: 1, Moderate: 2, Severe: 3, Extreme: 4 };

function ForeignCard({ alert, language }: { alert: ForeignAlert; language: Language }): JSX.Element | null {
  const { t } = useWords();
  const speaks = (tag: string): boolean => tag.toLowerCase().startsWith(language);
  const info = alert.infos.find((one) => speaks(one.language)) ?? alert.infos[0];
  if (!info) return null;
  const until = info.expires === null ? null : formatTime(Date.parse(info.expires), 'clock', language);
  return (
    <li class={`alarm level-edge-${LEVELS[info.severity] ?? 0}`} lang={info.language}>
      <p class="alarm-headline">{info.headline ?? info.event}</p>
      {info.description !== null && <p class="foreign-text">{info.description}</p>}
      <p class="alarm-foot">
        {alert.status !== 'Actual' && <span class="tag tag-drill">{alert.status}</span>} {info.sender_name ?? alert.sender}
        {info.areas.length > 0 && ` · ${info.areas.map((area) => area.description).join(', ')}`}
        {until !== null && ` · ${t('foreign.until', { time: until })}`}
      </p>
    </li>
  );
}
