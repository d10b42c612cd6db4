// Drives the jobs' pages of a running Busyhour, as an administrator would:
//
//   node jobs.mjs --url http://127.0.0.1:8080 --tenant demo [--name kim] [--agents 200] [--prefix page]
//                 [--steer] [--failing] [--shots DIR] [--timeout 60]
//
// It has a file with errors refused, then one of --agents agents taken, <prefix>-1 and on, and follows that job to its end.
// With --steer it pauses, resumes and cancels another, so large that it is caught on its way. With --failing the downstream
// is expected to refuse some: they are listed and tried again. Each step is a line on standard output, "jobs: <step>".
// Exits 0 when all was seen, 1 with what was not, 2 when it was called wrongly.

import { parseArgs } from "node:util";
import { Admin } from "./admin.mjs";
import { camera, launch, open } from "./browser.mjs";
import { steps } from "./steps.mjs";

const usage =
  "usage: node jobs.mjs --url URL --tenant TENANT [--name NAME] [--agents N] [--prefix PREFIX] [--steer] [--failing] " +
  "[--shots DIR] [--timeout SECONDS per step]";
const large = 10_000;

function options() {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      tenant: { type: "string" },
      name: { type: "string", default: "kim" },
      agents: { type: "string", default: "200" },
      prefix: { type: "string", default: "page" },
      steer: { type: "boolean", default: false },
      failing: { type: "boolean", default: false },
      shots: { type: "string" },
      timeout: { type: "string", default: "60" },
    },
  });
  const [seconds, agents] = [Number(values.timeout), Number(values.agents)];
  if (!values.url || !values.tenant || !(seconds > 0) || !(agents > 0)) throw new Error("--url and --tenant are needed");
  return { ...values, agents, timeout: seconds * 1000 };
}

function file(prefix, n) {
  return `id,name\n${Array.from({ length: n }, (_, i) => `${prefix}-${i + 1},Agent ${i + 1}`).join("\n")}\n`;
}

function want(ok, what) {
  if (!ok) throw new Error(what);
}

async function main({ url, tenant, name, agents, prefix, steer, failing, shots, timeout }) {
  const browser = await launch();
  const { page, errors } = await open(browser);
  const admin = new Admin(page, timeout);
  const step = steps("jobs", page, camera(shots));
  const csv = `${prefix}.csv`;

  const importsAndFollows = async () => {
    await step("entered", () => admin.enter(url, tenant, name));
    await step("errors", async () => {
      await admin.choose(`${prefix}-bad.csv`, `id,name\n,Nobody\n${prefix}-1,\n`);
      const lines = await admin.errors();
      want(lines.join() === "2 id,3 name", `other errors: ${lines.join()}`);
    });
    await step("checked", () => admin.choose(csv, file(prefix, agents)));
    const id = await step("taken", () => admin.take());
    const state = await step("ended", () => admin.state("done", "failures"));
    const counts = await step("counted", async () => JSON.stringify(await admin.counts()));
    const { total, applied, failed } = JSON.parse(counts);
    want(total === agents && applied + failed === agents, `${agents} agents were to be ended`);
    want((state === "failures") === failing, failing ? "nothing failed" : "some failed");
    await step("downloaded", async () => {
      const { lines } = await admin.download();
      want(lines.length === agents + 1, `${lines.length} lines for ${agents} items and a heading`);
      want(lines.filter((l) => l.split(",")[2] === "failed").length === failed, "other failures than the page counts");
    });
    return id;
  };

  const triesAgain = async (id) => {
    await step("failures", async () => {
      await admin.failures().first().waitFor();
      return admin.failures().first().innerText().then((t) => t.replace(/\s+/g, " "));
    });
    await step("tried again", async () => {
      await admin.press("Retry failed items");
      await admin.heading("Failed items again").waitFor();
      await page.locator(".facts").getByRole("link", { name: id }).waitFor();
      return admin.id();
    });
    await step("ended again", () => admin.state("done", "failures"));
  };

  const steers = async () => {
    await step("a large one", async () => {
      await page.goto(`${url}/#/import`);
      await admin.choose(`${prefix}-large.csv`, file(`${prefix}-large`, large));
      return admin.take();
    });
    await step("paused", async () => {
      await admin.press("Pause");
      await admin.state("paused");
    });
    await step("resumed", async () => {
      await admin.press("Resume");
      await admin.state("running");
    });
    await step("cancelled", async () => {
      await admin.cancel();
      await admin.state("cancelled");
      const { total, applied, failed, cancelled, pending } = await admin.counts();
      want(pending === 0 && cancelled > 0 && applied + failed + cancelled === total, "the counts do not add up");
      return String(cancelled);
    });
  };

  try {
    const id = await importsAndFollows();
    if (failing) await triesAgain(id);
    if (steer) await steers();
    await step("listed", async () => {
      await admin.all();
      await admin.row(csv).first().waitFor();
    });
    want(errors.length === 0, `the page reported errors:\n${errors.join("\n")}`);
  } finally {
    await browser.close();
  }
}

let asked;
try {
  asked = options();
} catch (e) {
  console.error(`${e.message}\n${usage}`);
  process.exit(2);
}
try {
  await main(asked);
} catch (e) {
  console.error(`jobs: FAILED: ${e.message}`);
  process.exit(1);
}
