// One job: how far it is, asked for every second until it is finished, and what an administrator does to it.

import { id as freshId } from "../desk/id";
import { RpcError } from "../figures/rpc";
import type { Job } from "../wire/wire";
import { noPace, Pace, type Progress } from "./pace";
import { Poll } from "./poll";
import type { JobService, Steer } from "./service";
import { Subject } from "./subject";
import { trouble } from "./trouble";
import { finished, news, stateOf } from "./words";

export interface WatchView {
  // undefined until the first answer.
  readonly job: Job | undefined;
  readonly verified: boolean;
  readonly progress: Progress;
  // Why the latest question was not answered.
  readonly trouble: string;
  // The command that is on its way.
  readonly asked: Steer | "retry" | undefined;
  // Why the latest command was not carried out.
  readonly refusal: string;
  // What changed, to be read out.
  readonly said: string;
}

export interface WatchConfig {
  readonly now?: () => number;
  readonly random?: () => number;
}

const every = 1_000;

export class JobWatch extends Subject<WatchView> {
  #poll: Poll;
  #pace = new Pace();
  #now: () => number;
  // Kept until a retry is answered: given again after a lost answer it makes no second job.
  #retryId = freshId();

  constructor(
    private readonly service: JobService,
    readonly id: string,
    { now = () => performance.now(), random }: WatchConfig = {},
  ) {
    super({ job: undefined, verified: true, progress: noPace, trouble: "", asked: undefined, refusal: "", said: "" });
    this.#now = now;
    this.#poll = new Poll({ ask: (signal) => this.#ask(signal), failed: (e) => this.#failed(e) }, random);
  }

  start(): void {
    this.#pace.restart();
    this.#poll.start();
  }

  stop(): void {
    this.#poll.stop();
  }

  steer(how: Steer): Promise<void> {
    return this.#command(how, async () => this.#became(await this.service.steer(this.id, how)));
  }

  // Gives the id of the new job; undefined if there is none.
  async retry(): Promise<string | undefined> {
    let made: Job | undefined;
    await this.#command("retry", async () => {
      made = await this.service.retry(this.id, this.#retryId);
      this.#retryId = freshId();
    });
    return made?.id;
  }

  dismiss(): void {
    this.show({ refusal: "" });
  }

  async #command(asked: Steer | "retry", does: () => Promise<void>): Promise<void> {
    if (this.get().asked) return;
    this.show({ asked, refusal: "" });
    try {
      await does();
    } catch (e) {
      this.show({ refusal: trouble(e) });
    }
    this.show({ asked: undefined });
    this.#poll.now();
  }

  async #ask(signal: AbortSignal): Promise<number | undefined> {
    const { job, verified } = await this.service.get(this.id, signal);
    if (signal.aborted) return undefined;
    this.show({ verified, trouble: "" });
    // A state that is being rebuilt has forgotten some, for now: what was known is the better picture.
    if (verified || !this.get().job) this.#became(job);
    return verified && finished(job) ? undefined : every;
  }

  #became(job: Job): void {
    const { job: before, said } = this.get();
    const runs = stateOf(job) === "running";
    if (!runs) this.#pace.restart();
    this.show({ job, progress: runs ? this.#pace.at(this.#now(), job) : noPace, said: news(before, job) || said });
  }

  #failed(e: unknown): boolean {
    this.show({ trouble: trouble(e) });
    return !(e instanceof RpcError && (e.code === "not_found" || e.code === "unimplemented"));
  }
}
