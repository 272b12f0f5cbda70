import type { Stamp } from "./line.ts";

/** The time between the first and the last of a log's time stamps. */
export class Clock {
  #first: Stamp | undefined;
  #last: Stamp | undefined;
  #midnights = 0;

  add(time: Stamp): void {
    this.#first ??= time;
    // Times of day begin again at midnight; lines of several processors may be a little out of order.
    if (this.#last && !time.absolute && time.seconds < this.#last.seconds - 43_200) this.#midnights++;
    this.#last = time;
  }

  /** ISO 8601, of a log of -ttt. */
  get startedAt(): string | undefined {
    return this.#first?.absolute ? new Date(this.#first.seconds * 1000).toISOString() : undefined;
  }

  /** Rounded to milliseconds; 0 where the log has no times. */
  get seconds(): number {
    if (!this.#first || !this.#last || this.#first.absolute !== this.#last.absolute) return 0;
    const seconds = this.#last.seconds - this.#first.seconds + this.#midnights * 86_400;
    return Math.max(0, Math.round(seconds * 1000) / 1000);
  }
}
