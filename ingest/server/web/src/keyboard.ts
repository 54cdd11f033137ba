/** Which key does what. Pure. */

export type Command =
  | { readonly kind: 'station' | 'stream'; readonly by: 1 | -1 }
  | { readonly kind: 'ack' | 'shelve' | 'table' | 'language' | 'search' | 'help' }
  | { readonly kind: 'window'; readonly index: number };

export interface Press {
  readonly key: string;
  /** With Ctrl, Alt or the system's own key, a press belongs to the browser. */
  readonly modified: boolean;
  /** In a field, a letter is a letter. */
  readonly typing: boolean;
}

export function commandOf({ key, modified, typing }: Press): Command | null {
  if (modified || typing) return null;
  switch (key) {
    case 'j':
      return { kind: 'station', by: 1 };
    case 'k':
      return { kind: 'station', by: -1 };
    case 'n':
      return { kind: 'stream', by: 1 };
    case 'p':
      return { kind: 'stream', by: -1 };
    case 'a':
      return { kind: 'ack' };
    case 's':
      return { kind: 'shelve' };
    case 't':
      return { kind: 'table' };
    case 'l':
      return { kind: 'language' };
    case '/':
      return { kind: 'search' };
    case '?':
      return { kind: 'help' };
    default:
      return /^[1-6]$/.test(key) ? { kind: 'window', index: Number(key) - 1 } : null;
  }
}

/** The neighbour of `current` in `list`; from outside the list, its first. */
export function neighbour<T>(list: readonly T[], current: T | null, by: 1 | -1): T | undefined {
  const index = current === null ? -1 : list.indexOf(current);
  if (index < 0) return list[0];
  return list[Math.max(0, Math.min(list.length - 1, index + by))];
}
