/** Small things a browser remembers between visits. A browser that refuses to is no reason to fail. */
const PREFIX = 'tram.';

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Private windows and full disks: the choice lasts as long as the page.
  }
}
