// The jobs' pages against the mock of provisioning, in virtual time.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Jobs } from "../../mock/jobs.mjs";
import type { Post } from "../figures/rpc";
import { outcomesFile } from "./export";
import { Failures } from "./failures";
import { JobList } from "./list";
import { JobService } from "./service";
import { Upload } from "./upload";
import { JobWatch } from "./watch";
import { stateOf, titleOf } from "./words";

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 10, 26, 12) }));
afterEach(() => void vi.useRealTimers());

interface Fault {
  verified: boolean;
  // Answers instead of the mock.
  instead: (() => Promise<Response>) | undefined;
  // The mock hears it, the page does not.
  lost: boolean;
}

function setUp() {
  const mock = new Jobs({ pace: 10 });
  const fault: Fault = { verified: true, instead: undefined, lost: false };
  const asked: { method: string; body: Record<string, unknown> }[] = [];
  const post: Post = async (url, init) => {
    const method = url.split("/").at(-1) ?? "";
    asked.push({ method, body: JSON.parse(String(init.body)) as Record<string, unknown> });
    if (fault.instead) return fault.instead();
    const { status, body } = mock.answer(method, asked.at(-1)!.body, fault.verified);
    if (fault.lost) throw new TypeError("Failed to fetch");
    return new Response(JSON.stringify(body), { status });
  };
  const methods = () => asked.map((a) => a.method);
  return { mock, fault, asked, methods, service: new JobService("demo", "ann", post) };
}

const refusal = (status: number, code: string, message: string) => async () => new Response(JSON.stringify({ code, message }), { status });
const settle = () => vi.advanceTimersByTimeAsync(1);

describe("the list", () => {
  test("has the newest first, and is asked for while something runs", async () => {
    const { mock, asked, service } = setUp();
    mock.seed();
    const list = new JobList(service);
    list.start();
    await settle();
    const { jobs, more } = list.get();
    expect(asked[0]).toEqual({ method: "ListJobs", body: { tenant: "demo", pageSize: 20, pageToken: "" } });
    expect(jobs?.slice(0, 4).map(stateOf)).toEqual(["running", "paused", "cancelled", "failures"]);
    expect(jobs?.slice(2, 4).map(titleOf)).toEqual(["Items without a file", "berlin-new-hires.csv"]);
    expect(more).toBe(true);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(asked).toHaveLength(3);
    list.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(3);
  });

  test("is turned to older jobs and back", async () => {
    const { mock, asked, service } = setUp();
    mock.seed();
    const list = new JobList(service);
    list.start();
    await settle();
    const first = list.get().jobs;
    list.older();
    await settle();
    expect(list.get()).toMatchObject({ page: 2, more: false });
    expect(list.get().jobs).toHaveLength(8);
    list.older();
    list.newer();
    await settle();
    expect(list.get()).toMatchObject({ page: 1, more: true });
    expect(list.get().jobs?.map((j) => j.id)).toEqual(first?.map((j) => j.id));
    list.newer();
    expect(asked).toHaveLength(3);
    list.stop();
  });

  test.each([
    [refusal(503, "unavailable", "provisioning does not answer: try again"), "Provisioning does not answer: try again."],
    [refusal(501, "unimplemented", "ListJobs is not implemented"), "The provisioning service is older than this page and cannot do this yet."],
    [async () => new Response("only GET and HEAD", { status: 405 }), "This server passes no calls on to provisioning: provisioning.urls of agent-presence has to name it."],
    [() => Promise.reject(new TypeError("Failed to fetch")), "This server cannot be reached."],
  ])("says why there is none, and goes on asking", async (instead, says) => {
    const { mock, fault, service } = setUp();
    mock.add({ agents: 1, actor: "ann" });
    fault.instead = instead;
    const list = new JobList(service, () => 0);
    list.start();
    await settle();
    expect(list.get()).toMatchObject({ jobs: undefined, trouble: says });
    fault.instead = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(list.get()).toMatchObject({ trouble: "", verified: true });
    expect(list.get().jobs).toHaveLength(1);
    list.stop();
  });

  test("says when the state is not verified", async () => {
    const { fault, service } = setUp();
    fault.verified = false;
    const list = new JobList(service);
    list.start();
    await settle();
    expect(list.get()).toMatchObject({ jobs: [], verified: false });
    list.stop();
  });
});

describe("a job", () => {
  test("is followed every second until it is finished, with its pace", async () => {
    const { mock, methods, service } = setUp();
    const watch = new JobWatch(service, mock.add({ file: "a.csv", agents: 45, failing: 20, actor: "ann" }).id);
    watch.start();
    await vi.advanceTimersByTimeAsync(3_001);
    expect(watch.get().job).toMatchObject({ total: 45, applied: 29, failed: 1, pending: 15 });
    expect(watch.get().progress).toEqual({ rate: 10, left: 1_500 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(watch.get().job).toMatchObject({ applied: 43, failed: 2, pending: 0 });
    expect(watch.get().said).toBe("Done with failures: 45 of 45, 2 failed.");
    expect(methods()).toHaveLength(6);
  });

  test("is paused, resumed and cancelled in the administrator's name", async () => {
    const { mock, asked, service } = setUp();
    const { id } = mock.add({ agents: 500, actor: "hr-sync" });
    const watch = new JobWatch(service, id);
    watch.start();
    await vi.advanceTimersByTimeAsync(1_001);
    const pausing = watch.steer("pause");
    expect(watch.get().asked).toBe("pause");
    void watch.steer("cancel"); // one at a time
    await pausing;
    expect(asked.at(-2)).toEqual({ method: "PauseJob", body: { tenant: "demo", id, actor: "ann" } });
    const { job, said } = watch.get();
    expect([stateOf(job!), job?.changedBy, said]).toEqual(["paused", "ann", "Paused: 10 of 500."]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(watch.get()).toMatchObject({ job: { pending: 490 }, progress: { rate: 0 } });
    await watch.steer("resume");
    await vi.advanceTimersByTimeAsync(1_001);
    expect(watch.get().job).toMatchObject({ pending: 480, pausedAt: 0 });
    await watch.steer("cancel");
    expect(stateOf(watch.get().job!)).toBe("cancelled");
    expect(watch.get().job).toMatchObject({ applied: 20, cancelled: 480, pending: 0 });
    watch.stop();
  });

  test("says why a command was refused", async () => {
    const { mock, fault, service } = setUp();
    const watch = new JobWatch(service, mock.add({ agents: 500, actor: "ann" }).id);
    watch.start();
    await settle();
    fault.verified = false;
    await watch.steer("pause");
    expect(watch.get()).toMatchObject({ asked: undefined, refusal: "The state of tenant demo is not verified: try again in 1 s." });
    watch.dismiss();
    expect(watch.get().refusal).toBe("");
    watch.stop();
  });

  test("keeps what was known while the state is rebuilt", async () => {
    const { mock, fault, service } = setUp();
    const watch = new JobWatch(service, mock.add({ agents: 30, actor: "ann" }).id);
    watch.start();
    await vi.advanceTimersByTimeAsync(1_001);
    fault.verified = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(watch.get()).toMatchObject({ verified: false, job: { pending: 20 } });
    fault.verified = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(watch.get()).toMatchObject({ verified: true, job: { pending: 0 } });
  });

  test("that is not there is not asked for again", async () => {
    const { methods, service } = setUp();
    const watch = new JobWatch(service, "j-0");
    watch.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(watch.get().trouble).toBe("There is no job j-0: see ListJobs.");
    expect(methods()).toEqual(["GetJob"]);
  });

  test("is retried once, also if the answer was lost; then with a fresh request id", async () => {
    const { mock, fault, asked, service } = setUp();
    const { id } = mock.add({ agents: 60, ended: 1, failing: 20, actor: "ann" });
    const watch = new JobWatch(service, id);
    watch.start();
    await settle();
    fault.lost = true;
    expect(await watch.retry()).toBeUndefined();
    expect(watch.get().refusal).toBe("This server cannot be reached.");
    fault.lost = false;
    const again = await watch.retry();
    const third = await watch.retry();
    const ids = asked.filter((a) => a.method === "RetryJob").map((a) => a.body["requestId"]);
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
    expect(third).not.toBe(again);
    const { job } = await service.get(again!, new AbortController().signal);
    expect(job).toMatchObject({ retryOf: id, total: 3, actor: "ann" });
    watch.stop();
  });
});

test("failed items come a page at a time", async () => {
  const { mock, asked, service } = setUp();
  const { id } = mock.add({ file: "a.csv", agents: 300, ended: 1, failing: 5, actor: "ann" });
  const failures = new Failures(service, id);
  await failures.load();
  expect(asked[0]?.body).toMatchObject({ jobId: id, outcome: "ITEM_OUTCOME_FAILED", pageSize: 50 });
  expect(failures.get()).toMatchObject({ page: 1, more: true });
  expect(failures.get().items?.[0]).toMatchObject({ number: 5, entity: "agent/agent-1004", attempts: 5 });
  await failures.next();
  expect(failures.get()).toMatchObject({ page: 2, more: false });
  expect(failures.get().items?.[0]?.number).toBe(255);
  await failures.previous();
  expect(failures.get().items?.[0]?.number).toBe(5);
});

describe("the file of outcomes", () => {
  test("has every item", async () => {
    const { mock, service } = setUp();
    const { id } = mock.add({ agents: 2_500, ended: 0.5, actor: "ann", paused: true });
    const told: number[] = [];
    const lines = (await outcomesFile(service, id, (n) => told.push(n))).split("\n");
    expect(told).toEqual([1_000, 2_000, 2_500]);
    expect(lines).toHaveLength(2_502);
    expect(lines[1]).toMatch(/^1,hr-1000,applied,,1,2026-11-26T/);
    expect(lines[2_500]).toBe("2500,hr-3499,pending,,0,,agent/hr-3499,");
  });

  test("is not made of a state that may lack some", async () => {
    const { mock, fault, service } = setUp();
    const { id } = mock.add({ agents: 5, ended: 1, actor: "ann" });
    fault.verified = false;
    await expect(outcomesFile(service, id, () => {})).rejects.toThrow("would lack some items");
  });
});

describe("a file of agents", () => {
  const file = (text: string, name = "new.csv") => new File([text], name);
  const good = "id,name\nann,Änne Lee\nbob,Bob\n";

  test("is checked when it is chosen, and taken when asked for", async () => {
    const { asked, methods, service } = setUp();
    const upload = new Upload(service);
    upload.prefer("PRIORITY_URGENT");
    await upload.choose(file(good));
    expect(upload.get()).toMatchObject({ step: "good", lines: 2, name: "new.csv", errors: [] });
    expect(methods()).toEqual(["ImportAgents"]);
    const id = await upload.take();
    const [check, take] = asked.map((a) => a.body);
    expect(check).toMatchObject({ tenant: "demo", actor: "ann", dryRun: true, fileName: "new.csv", priority: "PRIORITY_URGENT" });
    expect(take).toEqual({ ...check, dryRun: false });
    expect(Buffer.from(String(take?.["csv"]), "base64").toString()).toBe(good);
    const { job } = await service.get(id!, new AbortController().signal);
    expect(job).toMatchObject({ total: 2, priority: "PRIORITY_URGENT", file: { name: "new.csv" } });
  });

  test("with errors is not taken, and names them by line", async () => {
    const { methods, service } = setUp();
    const upload = new Upload(service);
    await upload.choose(file("id,name,skills\n,Nobody,\nann,Ann,english:101\n"));
    expect(upload.get()).toMatchObject({ step: "bad", errorCount: 2, lines: 2 });
    expect(upload.get().errors.map((e) => [e.line, e.column])).toEqual([[2, "id"], [3, "skills"]]);
    expect(await upload.take()).toBeUndefined();
    expect(methods()).toHaveLength(1);
  });

  test("is one job, also if the answer was lost", async () => {
    const { mock, fault, service } = setUp();
    const upload = new Upload(service);
    await upload.choose(file(good));
    fault.lost = true;
    expect(await upload.take()).toBeUndefined();
    expect(upload.get()).toMatchObject({ step: "good", trouble: "This server cannot be reached." });
    fault.lost = false;
    expect(await upload.take()).toBeTruthy();
    expect((mock.answer("ListJobs", {}).body as { jobs: unknown[] }).jobs).toHaveLength(1);
  });

  test("that is empty or too large is not sent", async () => {
    const { methods, service } = setUp();
    const upload = new Upload(service);
    await upload.choose(file(""));
    expect(upload.get().trouble).toBe("The file is empty.");
    await upload.choose(new File([new Uint8Array(4 * 1024 * 1024)], "large.csv"));
    expect(upload.get()).toMatchObject({ step: "choosing", trouble: "The file has 4.0 MiB; 3 MiB are allowed." });
    expect(methods()).toEqual([]);
  });

  test("chosen after another is the one that counts", async () => {
    const { service } = setUp();
    const upload = new Upload(service);
    const slow = upload.choose(file("id,name\n,\n", "slow.csv"));
    await upload.choose(file(good, "quick.csv"));
    await slow;
    expect(upload.get()).toMatchObject({ step: "good", name: "quick.csv" });
  });
});
