/** Which languages there are, and how a word is looked up. Pure. */
import { en } from './en.ts';
import { vi } from './vi.ts';
import { zh } from './zh.ts';

export type Language = 'vi' | 'en' | 'zh';
export type Key = keyof typeof vi;

export const LANGUAGES: readonly Language[] = ['vi', 'en', 'zh'];
export const OWN_NAMES: Record<Language, string> = { vi: 'Tiếng Việt', en: 'English', zh: '中文' };
export const TABLES: Record<Language, Record<Key, string>> = { vi, en, zh };

/** The word with each `{name}` replaced; a name without a value stays as it is, to be noticed. */
export function word(
  language: Language,
  key: Key,
  values?: Readonly<Record<string, string | number>>,
): string {
  const text = TABLES[language][key];
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}

export function isKey(key: string): key is Key {
  return key in vi;
}

export function asLanguage(text: string | null): Language | null {
  return LANGUAGES.find((l) => l === text) ?? null;
}

export function nextLanguage(language: Language): Language {
  return LANGUAGES[(LANGUAGES.indexOf(language) + 1) % LANGUAGES.length] ?? 'vi';
}
