import type { JSX } from 'preact';
import { useWords } from './i18n/current.ts';
import type { Key } from './i18n/language.ts';
import { Modal } from './modal.tsx';

const KEYS: readonly (readonly [keys: readonly string[], what: Key])[] = [
  [['j', 'k'], 'help.next'],
  [['n', 'p'], 'help.stream'],
  [['a'], 'help.ack'],
  [['s'], 'help.shelve'],
  [['t'], 'help.table'],
  [['1', '…', '6'], 'help.window'],
  [['←', '→'], 'help.arrows'],
  [['/'], 'help.search'],
  [['l'], 'help.language'],
  [['?'], 'help.help'],
];

export function Help({ close }: { close: () => void }): JSX.Element {
  const { t } = useWords();
  return (
    <Modal title={t('help.title')} close={close}>
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
