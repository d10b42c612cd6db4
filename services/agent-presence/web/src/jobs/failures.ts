// The failed items of a job, a page at a time.

import type { Outcome } from "../wire/wire";
import { Pages } from "./pages";
import type { JobService } from "./service";
import { Subject } from "./subject";
import { trouble } from "./trouble";

export interface FailuresView {
  readonly items: readonly Outcome[] | undefined;
  readonly page: number;
  readonly more: boolean;
  readonly trouble: string;
}

const pageSize = 50;

export class Failures extends Subject<FailuresView> {
  #pages = new Pages();
  #asking: AbortController | undefined;

  constructor(
    private readonly service: JobService,
    private readonly jobId: string,
  ) {
    super({ items: undefined, page: 1, more: false, trouble: "" });
  }

  stop(): void {
    this.#asking?.abort();
  }

  next(): Promise<void> {
    return this.#pages.forth() ? this.load() : Promise.resolve();
  }

  previous(): Promise<void> {
    return this.#pages.back() ? this.load() : Promise.resolve();
  }

  // The page as it is now.
  async load(): Promise<void> {
    this.stop();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const page = { pageSize, pageToken: this.#pages.token };
      const { outcomes, nextPageToken } = await this.service.outcomes(this.jobId, "ITEM_OUTCOME_FAILED", page, asking.signal);
      if (asking.signal.aborted) return;
      this.#pages.answered(nextPageToken);
      this.show({ items: outcomes, page: this.#pages.number, more: this.#pages.more, trouble: "" });
    } catch (e) {
      if (!asking.signal.aborted) this.show({ trouble: trouble(e) });
    }
  }
}
