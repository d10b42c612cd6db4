// JobService, as one administrator of one tenant asks it.

import { call, type Post } from "../figures/rpc";
import {
  CancelJobResponse,
  GetJobResponse,
  ImportAgentsResponse,
  ListJobsResponse,
  ListOutcomesResponse,
  PauseJobResponse,
  ResumeJobResponse,
  RetryJobResponse,
  type ImportAgentsRequest,
  type ItemOutcome,
  type Job,
} from "../wire/wire";

const service = "busyhour.provisioning.v1.JobService";
const reading = 5_000;
// A retry writes up to 10,000 items before it answers.
const steering = 30_000;
const importing = 120_000;

export interface Page {
  readonly pageSize: number;
  readonly pageToken: string;
}

export type Steer = "pause" | "resume" | "cancel";

const steers = {
  pause: ["PauseJob", PauseJobResponse],
  resume: ["ResumeJob", ResumeJobResponse],
  cancel: ["CancelJob", CancelJobResponse],
} as const;

export class JobService {
  constructor(
    readonly tenant: string,
    readonly actor: string,
    private readonly post?: Post,
  ) {}

  async list(page: Page, signal: AbortSignal): Promise<ListJobsResponse> {
    return ListJobsResponse.read(await this.#ask("ListJobs", page, reading, signal), "jobs");
  }

  async get(id: string, signal: AbortSignal): Promise<GetJobResponse> {
    return GetJobResponse.read(await this.#ask("GetJob", { id }, reading, signal), "job");
  }

  // Without an outcome: all items.
  async outcomes(jobId: string, outcome: ItemOutcome | undefined, page: Page, signal?: AbortSignal): Promise<ListOutcomesResponse> {
    return ListOutcomesResponse.read(await this.#ask("ListOutcomes", { jobId, outcome, ...page }, reading, signal), "outcomes");
  }

  async steer(id: string, how: Steer): Promise<Job> {
    const [method, response] = steers[how];
    return response.read(await this.#ask(method, { id, actor: this.actor }, steering), how).job;
  }

  // The same request id gives the same job.
  async retry(id: string, requestId: string): Promise<Job> {
    return RetryJobResponse.read(await this.#ask("RetryJob", { id, requestId, actor: this.actor }, steering), "retry").job;
  }

  async importAgents(file: Omit<ImportAgentsRequest, "tenant" | "actor">): Promise<ImportAgentsResponse> {
    return ImportAgentsResponse.read(await this.#ask("ImportAgents", { ...file, actor: this.actor }, importing), "import");
  }

  #ask(method: string, request: object, patience: number, signal?: AbortSignal): Promise<unknown> {
    const late = AbortSignal.timeout(patience);
    const ends = signal ? AbortSignal.any([signal, late]) : late;
    return call(`${service}/${method}`, { tenant: this.tenant, ...request }, ends, this.post);
  }
}
