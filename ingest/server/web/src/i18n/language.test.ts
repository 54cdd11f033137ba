import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { QUANTITIES } from '../quantities.ts';
import { LANGUAGES, nextLanguage, TABLES, word, type Key } from './language.ts';

const keys = Object.keys(TABLES.vi) as Key[];
const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '').sort();

function sources(): string[] {
  const root = new URL('../', import.meta.url);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !/\.test\.ts$|i18n\/(vi|en|zh)\.ts$/.test(name))
    .map((name) => readFileSync(new URL(name, root), 'utf8'));
}

describe.each(LANGUAGES)('the words in %s', (language) => {
  it('are all there, and no others', () => {
    expect(Object.keys(TABLES[language]).sort()).toEqual([...keys].sort());
  });

  it('say something, with the same placeholders as in Vietnamese', () => {
    for (const key of keys) {
      const text = TABLES[language][key];
      expect(text.trim(), key).not.toBe('');
      expect(placeholders(text), key).toEqual(placeholders(TABLES.vi[key]));
      expect(text, `${key} is not in composed form`).toBe(text.normalize('NFC'));
    }
  });

  it('name every quantity of the contract', () => {
    for (const quantity of QUANTITIES) expect(TABLES[language]).toHaveProperty([`quantity.${quantity}`]);
  });
});

describe('the source', () => {
  const text = sources().join('\n');

  it('asks for no word that does not exist', () => {
    const asked = [...text.matchAll(/\bt\('([^']+)'/g)].map((m) => m[1]);
    expect(asked.length).toBeGreaterThan(40);
    expect(asked.filter((key) => !keys.includes(key as Key))).toEqual([]);
  });

  it('uses every word, by name or by its first part', () => {
    const unused = keys.filter((key) => {
      const family = key.replace(/[^.]+$/, '');
      return !text.includes(`'${key}'`) && !text.includes(`\`${family}\${`);
    });
    expect(unused).toEqual([]);
  });
});

describe('a word', () => {
  it('takes its values, and shows a forgotten one', () => {
    expect(word('en', 'feed.retryIn', { seconds: 4 })).toBe('Trying again in 4 s');
    expect(word('en', 'feed.retryIn', {})).toBe('Trying again in {seconds} s');
  });

  it('can be had in each language by turns', () => {
    expect(LANGUAGES.map(nextLanguage)).toEqual(['en', 'zh', 'vi']);
  });
});
