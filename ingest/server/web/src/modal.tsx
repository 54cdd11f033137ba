import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useWords } from './i18n/current.ts';

interface ModalProps {
  readonly title: string;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

/** The browser's own modal dialog: it keeps the focus inside, and Escape closes it. */
export function Modal({ title, close, children }: ModalProps): JSX.Element {
  const { t } = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="modal-title" onClose={close}>
      <div class="modal-head">
        <h2 id="modal-title">{title}</h2>
        <button type="button" class="round" onClick={close} aria-label={t('dialog.close')} title={t('dialog.close')}>
          ✕
        </button>
      </div>
      {children}
    </dialog>
  );
}
