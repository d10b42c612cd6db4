// How fast a job is, and how long the rest takes; as `busyhour provision watch` has it.

import type { Job } from "../wire/wire";
import { ended } from "./words";

// Long enough to be calm, short enough to see a downstream change.
const window = 10_000;
// Over less than this, one item more or less would be a burst.
const shortest = 900;

export interface Progress {
  // Items a second; 0 while nothing is known.
  readonly rate: number;
  // Milliseconds; 0 if nothing ends.
  readonly left: number;
}

export const noPace: Progress = { rate: 0, left: 0 };

export class Pace {
  #past: { at: number; ended: number }[] = [];

  at(now: number, job: Job): Progress {
    this.#past.push({ at: now, ended: ended(job) });
    while (this.#past.length > 2 && now - this.#past[1]!.at >= window) this.#past.shift();
    const first = this.#past[0]!;
    const gone = ended(job) - first.ended;
    if (now - first.at < shortest || gone <= 0) return noPace;
    const rate = (1000 * gone) / (now - first.at);
    return { rate, left: (1000 * job.pending) / rate };
  }

  // A pause is no slowness.
  restart(): void {
    this.#past = [];
  }
}
