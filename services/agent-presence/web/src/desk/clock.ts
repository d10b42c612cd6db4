// The server's clock, as far as its frames tell it.
//
// A frame's `now` is late by the time the frame travelled, so of the latest samples the one that is furthest ahead is
// the best. The own side is monotonic: a changed wall clock moves no countdown. Where the monotonic clock stood still
// while the machine slept, the first frame after it is furthest ahead and wins at once.

const window = 12; // a minute of heartbeats

export class ServerClock {
  #ahead: number[] = [];

  constructor(private readonly local: () => number = () => performance.now()) {}

  heard(now: number): void {
    if (now === 0) return;
    this.#ahead = [...this.#ahead.slice(1 - window), now - this.local()];
  }

  // Another server may have another clock.
  restart(): void {
    this.#ahead = this.#ahead.slice(-1);
  }

  // Milliseconds since 1970; the own wall clock until a frame was heard.
  now(): number {
    return this.#ahead.length === 0 ? Date.now() : this.local() + Math.max(...this.#ahead);
  }
}
