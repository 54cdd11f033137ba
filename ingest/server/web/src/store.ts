/** A value with listeners, and the hook that re-renders when the part looked at changes. */
import { useEffect, useRef, useState } from 'preact/hooks';

export class Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function useStore<T>(store: Store<T>): T;
export function useStore<T, U>(store: Store<T>, select: (value: T) => U): U;
export function useStore<T, U>(store: Store<T>, select?: (value: T) => U): T | U {
  const look = (): T | U => (select ? select(store.value) : store.value);
  const value = look();
  const shown = useRef(value);
  const looking = useRef(look);
  shown.current = value;
  looking.current = look;
  const [, redraw] = useState(0);
  useEffect(() => {
    const compare = (): void => {
      if (!Object.is(looking.current(), shown.current)) redraw((n) => n + 1);
    };
    compare();
    return store.subscribe(compare);
  }, [store]);
  return value;
}
