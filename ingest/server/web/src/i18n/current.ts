/** The language this browser has chosen: Vietnamese until somebody says otherwise. */
import { Store, useStore } from '../store.ts';
import { recall, remember } from '../memory.ts';
import { asLanguage, word, type Key, type Language } from './language.ts';

export const language = new Store<Language>(asLanguage(recall('language')) ?? 'vi');

export function chooseLanguage(chosen: Language): void {
  remember('language', chosen);
  language.set(chosen);
}

export type Translate = (key: Key, values?: Readonly<Record<string, string | number>>) => string;

/** The chosen language and its words. */
export function useWords(): { language: Language; t: Translate } {
  const chosen = useStore(language);
  return { language: chosen, t: (key, values) => word(chosen, key, values) };
}
