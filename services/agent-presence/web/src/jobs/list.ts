// The jobs of a tenant, newest first, a page at a time; asked for while they are looked at.

import type { Job } from "../wire/wire";
import { Pages } from "./pages";
import { Poll } from "./poll";
import type { JobService } from "./service";
import { Subject } from "./subject";
import { trouble } from "./trouble";
import { finished } from "./words";

export interface ListView {
  // undefined until the first answer of this page.
  readonly jobs: readonly Job[] | undefined;
  readonly page: number;
  readonly more: boolean;
  readonly verified: boolean;
  // Why the latest question was not answered.
  readonly trouble: string;
}

const pageSize = 20;
const busy = 2_000;
const calm = 10_000;

export class JobList extends Subject<ListView> {
  #pages = new Pages();
  #poll: Poll;

  constructor(
    private readonly service: JobService,
    random?: () => number,
  ) {
    super({ jobs: undefined, page: 1, more: false, verified: true, trouble: "" });
    this.#poll = new Poll({ ask: (signal) => this.#ask(signal), failed: (e) => this.#failed(e) }, random);
  }

  start(): void {
    this.#poll.start();
  }

  stop(): void {
    this.#poll.stop();
  }

  older(): void {
    if (this.#pages.forth()) this.#turn();
  }

  newer(): void {
    if (this.#pages.back()) this.#turn();
  }

  // The old page stands until the new one is there: an empty table would jump.
  #turn(): void {
    this.show({ page: this.#pages.number, more: this.#pages.more });
    this.#poll.now();
  }

  async #ask(signal: AbortSignal): Promise<number> {
    const { jobs, nextPageToken, verified } = await this.service.list({ pageSize, pageToken: this.#pages.token }, signal);
    if (signal.aborted) return calm;
    this.#pages.answered(nextPageToken);
    this.show({ jobs, more: this.#pages.more, verified, trouble: "" });
    return verified && jobs.every(finished) ? calm : busy;
  }

  #failed(e: unknown): boolean {
    this.show({ trouble: trouble(e) });
    return true;
  }
}
