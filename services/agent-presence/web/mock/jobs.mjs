// The bulk jobs of a tenant, as provisioning lists, runs and steers them. Time is what now() says: items end as they are
// looked at, at the job's own rate.

import { createHash } from "node:crypto";
import { read } from "./file.mjs";

const minute = 60_000;
const day = 24 * 60 * minute;

const reasons = [
  "downstream: 409 Conflict: userName is taken by another user",
  'queue "retired" is not in the directory: create it, or take it from the agent',
  "downstream: 422: extension 4711 is outside of the range of this site",
  "=HYPERLINK(\"http://example.com\",\"the downstream's words are not ours\")",
];

export class Jobs {
  #jobs = []; // oldest first
  #byRequest = new Map();

  // `pace` is the items a second of a new job.
  constructor({ now = Date.now, pace = 40 } = {}) {
    this.now = now;
    this.pace = pace;
  }

  // Some history, and a job of each state.
  seed() {
    const now = this.now();
    for (let n = 24; n > 0; n--) {
      const createdAt = now - day - n * 7 * 60 * minute;
      this.add({ file: `shift-plan-${n}.csv`, agents: 12 + ((n * 37) % 90), ended: 1, actor: "cleo", createdAt });
    }
    const [morning, noon, lately] = [now - 190 * minute, now - 130 * minute, now - 42 * minute];
    this.add({ file: "berlin-new-hires.csv", agents: 240, ended: 1, failing: 6, actor: "ann", createdAt: morning });
    this.add({ agents: 6_000, ended: 0.35, cancelled: true, actor: "hr-sync", createdAt: noon, changedBy: "ann" });
    const paused = { paused: true, changedBy: "ann", failing: 40, ended: 0.62 };
    this.add({ file: "skills-2026-q4.csv", agents: 900, actor: "bob", createdAt: lately, ...paused });
    this.add({ file: "manila-night-team.csv", agents: 2_400, ended: 0.18, failing: 90, actor: "ann", createdAt: now - 70_000, pace: 12 });
    return this;
  }

  // Makes a job of `agents` or of `ids`. `ended` is the part of it that has ended; every item whose number `failing`
  // divides fails.
  add({ ended = 0, paused, cancelled, ...wish }) {
    const job = made(this.#jobs.length + 1, { createdAt: this.now(), pace: this.pace, ...wish });
    this.#run(job, Math.round(ended * job.items.length), job.createdAt + 5_000);
    job.at = this.now();
    if (paused) job.pausedAt = job.createdAt + 2 * minute;
    if (cancelled) this.#cancel(job, job.createdAt + 3 * minute, job.changedBy);
    this.#jobs.push(job);
    this.#byRequest.set(job.requestId, job);
    return job;
  }

  // --- JobService ---

  // Gives { status, body } as connect does in JSON.
  answer(method, request, verified = true) {
    const does = this[`${method[0].toLowerCase()}${method.slice(1)}`];
    const changes = !["ListJobs", "GetJob", "ListOutcomes"].includes(method);
    if (!verified && changes) return no(503, "unavailable", "the state of tenant demo is not verified: try again in 1 s");
    const body = does.call(this, request);
    return body.refused ?? { status: 200, body: "verified" in body ? { ...body, verified } : body };
  }

  listJobs({ pageSize = 20, pageToken }) {
    const all = this.#jobs.toReversed().sort((a, b) => b.createdAt - a.createdAt);
    const { page, nextPageToken } = cut(all, pageSize, pageToken);
    return { jobs: page.map((j) => this.#told(j)), nextPageToken, verified: true };
  }

  getJob({ id }) {
    const job = this.#find(id);
    return job ? { job: this.#told(job), verified: true } : { refused: no(404, "not_found", `there is no job ${id}: see ListJobs`) };
  }

  pauseJob({ id, actor }) {
    return this.#steer(id, actor, (job) => (job.pausedAt ??= this.now()));
  }

  resumeJob({ id, actor }) {
    return this.#steer(id, actor, (job) => (job.pausedAt = undefined));
  }

  cancelJob({ id, actor }) {
    return this.#steer(id, actor, (job) => this.#cancel(job, this.now(), actor));
  }

  retryJob({ id, requestId, actor, priority }) {
    const before = this.#byRequest.get(requestId);
    if (before) return { job: this.#told(before) };
    const job = this.#find(id);
    const ids = job?.items.filter((i) => i.outcome === "ITEM_OUTCOME_FAILED").map((i) => i.entity) ?? [];
    if (ids.length === 0) return { refused: no(412, "failed_precondition", `job ${id} has no failed items`) };
    return { job: this.#told(this.add({ ids, requestId, actor, retryOf: id, ...(priority ? { priority } : {}) })) };
  }

  listOutcomes({ jobId, pageSize = 100, pageToken, outcome }) {
    const job = this.#find(jobId);
    if (!job) return { refused: no(404, "not_found", `there is no job ${jobId}: see ListJobs`) };
    this.#told(job);
    const all = job.items.map((item, i) => outcomeOf(item, i + 1)).filter((o) => !outcome || o.outcome === outcome);
    const { page, nextPageToken } = cut(all, pageSize, pageToken);
    return { outcomes: page, nextPageToken, verified: true };
  }

  importAgents({ requestId, csv, dryRun, actor, fileName, priority }) {
    const text = Buffer.from(csv, "base64").toString();
    const { ids, errors, lines } = read(text);
    if (errors.length > 0) {
      const bad = new Set(errors.map((e) => e.line)).size;
      const summary = `${bad} lines are bad, so none of the ${lines} was taken: correct them and send the whole file again`;
      return { errors: errors.slice(0, 1000), errorCount: errors.length, lines, summary };
    }
    if (dryRun) return { lines, summary: `all ${lines} lines are good; none was taken, for this was a dry run` };
    const known = this.#byRequest.get(requestId);
    const wish = priority === "PRIORITY_UNSPECIFIED" ? undefined : priority;
    const job =
      known ?? this.add({ ids: ids.map((id) => `agent/${id}`), file: fileName, csv: text, requestId, actor, priority: wish, failing: 25 });
    return { job: this.#told(job), lines, summary: `all ${lines} lines were taken` };
  }

  // --- what items do ---

  #find(id) {
    return this.#jobs.find((j) => j.id === id);
  }

  #steer(id, actor, does) {
    const job = this.#find(id);
    if (!job) return { refused: no(404, "not_found", `there is no job ${id}: see ListJobs`) };
    this.#told(job);
    if (job.next === job.items.length) return { refused: no(412, "failed_precondition", `job ${id} has ended`) };
    does(job);
    job.changedBy = actor;
    return { job: this.#told(job) };
  }

  #cancel(job, at, actor) {
    job.cancelledAt = at;
    job.changedBy = actor;
    for (const item of job.items.slice(job.next)) Object.assign(item, { outcome: "ITEM_OUTCOME_CANCELLED", at });
    job.next = job.items.length;
  }

  #run(job, n, at) {
    for (; n > 0 && job.next < job.items.length; n--) {
      const number = ++job.next;
      const fails = job.failing > 0 && number % job.failing === 0;
      const reason = fails ? reasons[(number / job.failing) % reasons.length] : "";
      const outcome = fails ? "ITEM_OUTCOME_FAILED" : "ITEM_OUTCOME_APPLIED";
      Object.assign(job.items[number - 1], { outcome, reason, attempts: fails ? 5 : 1, at });
    }
  }

  // A job as it stands now.
  #told(job) {
    const now = this.now();
    if (!job.pausedAt) job.credit += ((now - job.at) / 1000) * job.pace;
    job.at = now;
    const due = Math.floor(job.credit);
    job.credit -= due;
    this.#run(job, due, now);
    const count = (outcome) => job.items.filter((i) => i.outcome === `ITEM_OUTCOME_${outcome}`).length;
    const { id, requestId, actor, changedBy, file, priority, retryOf, items } = job;
    const counts = { total: items.length, applied: count("APPLIED"), failed: count("FAILED"), cancelled: count("CANCELLED") };
    const [createdAt, acceptedAt] = [iso(job.createdAt), iso(job.createdAt + 400)];
    const times = { createdAt, acceptedAt, pausedAt: iso(job.pausedAt), cancelledAt: iso(job.cancelledAt) };
    const pending = items.length - job.next;
    return { id, tenant: "demo", requestId, actor, changedBy, file, priority, retryOf, ...counts, pending, ...times };
  }
}

function made(n, { file, agents, ids, actor, changedBy, createdAt, priority, requestId = `r-${n}`, retryOf, failing = 0, pace, csv }) {
  const entities = ids ?? Array.from({ length: agents }, (_, i) => `agent/${file ? "agent" : "hr"}-${1000 + i}`);
  const items = entities.map((entity) => ({ entity }));
  const sum = (text) => createHash("sha256").update(text);
  return {
    id: `j-${sum(`job ${n}`).digest("hex").slice(0, 16)}`,
    file: file && { name: file, sha256: sum(csv ?? file).digest("base64"), bytes: String(csv?.length ?? items.length * 48) },
    priority: priority ?? (items.length > 100 ? "PRIORITY_BULK" : "PRIORITY_NORMAL"),
    ...{ requestId, actor, changedBy, createdAt, retryOf, items, failing, pace },
    ...{ next: 0, credit: 0, at: createdAt },
  };
}

function outcomeOf({ entity, outcome = "ITEM_OUTCOME_PENDING", reason, attempts, at }, number) {
  const agentId = entity.startsWith("agent/") ? entity.slice("agent/".length) : "";
  const request = outcome === "ITEM_OUTCOME_FAILED" ? { item: { kind: "KIND_UPSERT_AGENT" } } : undefined;
  return { number, agentId, entity, outcome, reason, attempts, at: iso(at), request };
}

function cut(all, size, token) {
  const from = Number(token || 0);
  const to = from + size;
  return { page: all.slice(from, to), nextPageToken: to < all.length ? String(to) : "" };
}

function iso(ms) {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function no(status, code, message) {
  return { status, body: { code, message } };
}
