// A file of agents on its way into a job: first only checked, then taken.

import { id as freshId } from "../desk/id";
import type { ImportAgentsResponse, LineError, Priority } from "../wire/wire";
import { base64 } from "./base64";
import type { JobService } from "./service";
import { Subject } from "./subject";
import { trouble } from "./trouble";
import { size } from "./words";

export type Step = "choosing" | "checking" | "good" | "bad" | "importing";

export interface UploadView {
  readonly step: Step;
  readonly name: string;
  readonly bytes: number;
  // Of the latest check: the lines read, the heading not counted; what is wrong; and both in words.
  readonly lines: number;
  readonly errors: readonly LineError[];
  readonly errorCount: number;
  readonly summary: string;
  readonly priority: Priority;
  // Why there is no answer.
  readonly trouble: string;
}

// The part of File that is used.
export interface Chosen {
  readonly name: string;
  readonly size: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}

// As the API has them.
const mostBytes = 3 * 1024 * 1024;
const mostName = 256;

const nothing: UploadView = {
  step: "choosing",
  name: "",
  bytes: 0,
  lines: 0,
  errors: [],
  errorCount: 0,
  summary: "",
  priority: "PRIORITY_UNSPECIFIED",
  trouble: "",
};

export class Upload extends Subject<UploadView> {
  #csv = "";
  // One for each file that is chosen: given again after a lost answer it makes no second job.
  #requestId = "";

  constructor(private readonly service: JobService) {
    super(nothing);
  }

  prefer(priority: Priority): void {
    this.show({ priority });
  }

  // Takes a file's bytes as they are now, and has them checked.
  async choose(file: Chosen): Promise<void> {
    if (this.get().step === "importing") return;
    const requestId = freshId();
    this.#requestId = requestId;
    this.#csv = "";
    this.show({ ...nothing, priority: this.get().priority, name: file.name, bytes: file.size });
    if (file.size === 0) return this.show({ trouble: "The file is empty." });
    if (file.size > mostBytes) return this.show({ trouble: `The file has ${size(file.size)}; 3 MiB are allowed.` });
    try {
      const csv = base64(new Uint8Array(await file.arrayBuffer()));
      if (this.#requestId === requestId) this.#csv = csv;
    } catch {
      if (this.#requestId === requestId) this.show({ trouble: "The file cannot be read." });
      return;
    }
    if (this.#requestId === requestId) await this.check();
  }

  // Asks what is wrong with the file; nothing is taken.
  async check(): Promise<void> {
    const requestId = this.#requestId;
    this.show({ step: "checking", trouble: "" });
    try {
      const answer = await this.#send(true);
      if (this.#requestId === requestId) this.#checked(answer);
    } catch (e) {
      if (this.#requestId === requestId) this.show({ step: "choosing", trouble: trouble(e) });
    }
  }

  // Gives the id of the job; undefined if there is none.
  async take(): Promise<string | undefined> {
    if (this.get().step !== "good") return undefined;
    this.show({ step: "importing", trouble: "" });
    try {
      const answer = await this.#send(false);
      if (answer.job) return answer.job.id;
      this.#checked(answer); // the directory may have changed since the check
    } catch (e) {
      this.show({ step: "good", trouble: trouble(e) });
    }
    return undefined;
  }

  // A file was read, and can be sent.
  get ready(): boolean {
    return this.#csv !== "";
  }

  #send(dryRun: boolean): Promise<ImportAgentsResponse> {
    const { name, priority } = this.get();
    const fileName = name.slice(0, mostName);
    return this.service.importAgents({ requestId: this.#requestId, csv: this.#csv, dryRun, priority, fileName });
  }

  #checked({ lines, errors, errorCount, summary }: ImportAgentsResponse): void {
    this.show({ step: errorCount > 0 ? "bad" : "good", lines, errors, errorCount, summary });
  }
}
