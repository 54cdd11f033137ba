/** The server's clock as this page knows it: what it last said, plus the time passed since. */
export class ServerClock {
  #serverMs: number | null = null;
  #heardMs = 0;

  /** `steadyMs` is a clock that never jumps, such as `performance.now()`. */
  hear(time: string, steadyMs: number): void {
    const serverMs = Date.parse(time);
    if (Number.isNaN(serverMs)) return;
    // A frame held up on its way says an earlier time than the one already counted up to.
    // Only a large step back is the server's clock being set.
    const counted = this.now(steadyMs);
    if (counted !== null && serverMs < counted && counted - serverMs < STEP_MS) return;
    this.#serverMs = serverMs;
    this.#heardMs = steadyMs;
  }

  /** Milliseconds since 1970, or null when the server has not spoken yet. */
  now(steadyMs: number): number | null {
    return this.#serverMs === null ? null : this.#serverMs + (steadyMs - this.#heardMs);
  }
}

/** A step back beyond this is believed. */
const STEP_MS = 5_000;

/** Seconds from `time` to `nowMs`, never negative; null when either is unknown. */
export function ageSeconds(time: string | null, nowMs: number | null): number | null {
  if (time === null || nowMs === null) return null;
  const at = Date.parse(time);
  return Number.isNaN(at) ? null : Math.max(0, Math.floor((nowMs - at) / 1000));
}
