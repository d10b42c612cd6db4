// Asks again and again while somebody looks, one question at a time.

import { backoff } from "../desk/backoff";

export interface Questions {
  // Milliseconds until the next question; undefined: there is nothing more to ask.
  ask(signal: AbortSignal): Promise<number | undefined>;
  // Whether to try again.
  failed(e: unknown): boolean;
}

const every = 1_000;

export class Poll {
  #on = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  constructor(
    private readonly questions: Questions,
    private readonly random?: () => number,
  ) {}

  start(): void {
    this.#on = true;
    this.now();
  }

  stop(): void {
    this.#on = false;
    this.#quiet();
  }

  // What is under way may be older than what just became of a command: its answer is dropped.
  now(): void {
    this.#quiet();
    if (this.#on) void this.#ask();
  }

  #quiet(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = undefined;
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const after = await this.questions.ask(asking.signal);
      if (this.#asking !== asking) return;
      this.#failures = 0;
      if (after !== undefined) this.#next(after);
    } catch (e) {
      if (this.#asking !== asking) return;
      this.#failures++;
      if (this.questions.failed(e)) this.#next(every + backoff(this.#failures, this.random));
    }
  }

  #next(after: number): void {
    this.#timer = setTimeout(() => void this.#ask(), after);
  }
}
