// The jobs' pages against the mock, in a real browser. SHOTS=DIR keeps a picture of each step.

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { Jobs } from "../mock/jobs.mjs";
import { start } from "../mock/server.mjs";
import { Admin } from "./admin.mjs";
import { camera, launch, open } from "./browser.mjs";
import { Desk } from "./desk.mjs";

const pace = { offer: 15_000, connect: 300, wrapUp: 30_000, heartbeat: 500 };

let browser;
let mock;
let page;
let admin;
let errors;
const shoot = camera(process.env.SHOTS && `${process.env.SHOTS}/jobs`);

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  mock = await start({ pace, jobs: new Jobs({ pace: 60 }).seed() });
  ({ page, errors } = await open(browser));
  admin = new Admin(page);
});
afterEach(async () => {
  await page.context().close();
  await mock.close();
  assert.deepEqual(errors, [], "the page reported errors");
});

const enter = (path) => admin.enter(mock.url, "demo", "kim", path);

test("the list has the newest first, its state in words, and pages", async () => {
  await page.goto(`${mock.url}/?tenant=demo#/jobs`);
  await shoot(page, "gate");
  await enter();
  assert.equal(await admin.rows().count(), 20);
  const states = await admin.rows().locator(".state").allTextContents();
  assert.deepEqual(states.slice(0, 5), ["Running", "Paused", "Cancelled", "Done with failures", "Done"]);
  assert.match(await admin.row("manila-night-team.csv").textContent(), /by ann.*Bulk.*of 2,400 applied.*failed.*pending/);
  await shoot(page, "list");
  const first = await admin.rows().first().textContent();
  await page.getByRole("button", { name: "Older" }).click();
  await page.getByText("Page 2").waitFor();
  await admin.rows().nth(8).waitFor({ state: "detached" });
  await shoot(page, "list-older");
  await page.getByRole("button", { name: "Newer" }).click();
  await admin.row("manila-night-team.csv").waitFor();
  assert.notEqual(await admin.rows().first().textContent(), first, "it goes on meanwhile");
});

test("a job that runs is paused, resumed and cancelled, each in one's name", async () => {
  await enter();
  await admin.open("manila-night-team.csv");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "manila-night-team.csv");
  const before = (await admin.counts()).pending;
  await page.locator('[data-count="left"]').waitFor();
  await shoot(page, "running");
  assert.ok((await admin.counts()).pending < before);
  await admin.press("Pause");
  await admin.state("paused");
  await page.locator(".facts", { hasText: "Changed last bykim" }).waitFor();
  await page.locator("[role=status]", { hasText: "Paused:" }).waitFor({ state: "attached" });
  await shoot(page, "paused");
  await admin.press("Resume");
  await admin.state("running");
  await admin.press("Cancel");
  await page.getByRole("dialog").waitFor();
  await shoot(page, "cancel");
  await page.getByRole("button", { name: "Keep the job" }).click();
  await admin.state("running");
  await admin.cancel();
  await admin.state("cancelled");
  assert.equal((await admin.counts()).pending, 0);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "manila-night-team.csv", "the focus is not lost");
  assert.equal(await page.locator(".jobs-acts").getByRole("button", { name: "Pause" }).count(), 0);
  await shoot(page, "cancelled");
});

test("failed items are listed with their reason, downloaded, and tried again", async () => {
  await enter();
  const id = await admin.open("berlin-new-hires.csv");
  assert.equal(await admin.state("failures"), "failures");
  await admin.failures().nth(39).waitFor();
  assert.match(await admin.failures().first().textContent(), /^6agent\/agent-1005upsert agent.+5/);
  await shoot(page, "failures");
  const { name, lines } = await admin.download();
  assert.equal(name, `outcomes-${id}.csv`);
  assert.equal(lines.length, 241);
  assert.equal(lines[0], "number,agent,outcome,reason,attempts,at,entity,note");
  assert.ok(lines.some((l) => l.includes(`"'=HYPERLINK(`)) && !lines.some((l) => /,"?=/.test(l)), "no cell is a formula");
  await admin.press("Retry failed items");
  await admin.heading("Failed items again").waitFor();
  await admin.state("done");
  assert.equal((await admin.counts()).applied, 40);
  await shoot(page, "retried");
  await page.locator(".facts").getByRole("link", { name: id }).click();
  await admin.heading("berlin-new-hires.csv").waitFor();
});

test("a file with errors is not taken; mended it becomes a job", async () => {
  await enter("#/import");
  await shoot(page, "import");
  const bad = "id,name,skills\n,Nobody,english:80\nann,,english:101\nbob,Bob,english\nann,Ann again,\nlea,Lea\n";
  assert.match(await admin.choose("night-team.csv", bad), /night-team\.csv, 90 bytes: 5 lines are bad, so none of the 5 was taken/);
  assert.deepEqual(await admin.errors(), ["2 id", "3 name", "3 skills", "4 skills", "5 id", "6"]);
  await shoot(page, "import-errors");
  assert.equal(await page.getByRole("button", { name: "Import" }).getAttribute("aria-disabled"), "true");
  await page.getByLabel("Priority", { exact: true }).selectOption("Urgent");
  const good = `id,name\n${Array.from({ length: 120 }, (_, i) => `night-${i},Night ${i}`).join("\n")}\n`;
  assert.match(await admin.choose("night-team.csv", good), /night-team\.csv, .*good/);
  await shoot(page, "import-good");
  await admin.take();
  await admin.heading("night-team.csv").waitFor();
  await admin.state("failures");
  assert.match(await page.locator(".facts").textContent(), /by kim.*PriorityUrgent.*SHA-256 of the file[0-9a-f]{64}/);
  await admin.all();
  assert.match(await admin.rows().first().textContent(), /night-team\.csv.*by kimUrgentDone with failures116 of 120 applied4 failed/);
});

test("what is wrong with provisioning is said, and what was there stays", async () => {
  await enter();
  await admin.rows().first().waitFor();
  const says = (text) => page.locator(".doubt", { hasText: text }).waitFor();
  mock.jobsAway();
  await says("Provisioning does not answer");
  await shoot(page, "away");
  assert.equal(await admin.rows().count(), 20);
  mock.jobsUnnamed();
  await says("provisioning.urls");
  mock.jobsOld();
  await says("older than this page");
  mock.jobsBack();
  mock.unverify();
  await says("being rebuilt");
  await admin.open("manila-night-team.csv");
  await admin.press("Pause");
  await page.locator(".refusal", { hasText: "not verified" }).waitFor();
  await admin.press("Download outcomes as CSV");
  await page.locator(".refusal", { hasText: "would lack some items" }).waitFor();
  await shoot(page, "unverified");
  mock.verify();
  await page.locator(".doubt").waitFor({ state: "detached" });
});

test("a link to a job leads to it, also to one that is not there", async () => {
  await enter("#/jobs/j-none");
  await page.locator(".doubt", { hasText: "There is no job j-none" }).waitFor();
  await page.reload();
  await admin.heading("Job j-none").waitFor();
  await page.getByRole("button", { name: "Leave" }).click();
  await page.getByLabel("Your name").waitFor();
});

test("an agent finds the jobs from the desk, and an offer is seen there too", async () => {
  const desk = new Desk(page);
  await desk.logIn(mock.url, "demo", "ann");
  await desk.goAvailable();
  await page.getByRole("link", { name: "Jobs" }).click();
  await admin.rows().first().waitFor();
  assert.equal(await page.title(), "Jobs – Busyhour");
  mock.offer();
  await page.locator(".banner.is-offer", { hasText: "is offered to you" }).waitFor();
  await shoot(page, "offered");
  await page.keyboard.press("a"); // not what one does not see
  await page.getByRole("link", { name: "Go to the desk" }).click();
  await desk.card("offered");
  await desk.press("Accept");
  await desk.card("connected");
});

test("narrow and dark it is all there", async () => {
  await page.context().close();
  ({ page, errors } = await open(browser, { viewport: { width: 390, height: 800 }, colorScheme: "dark" }));
  admin = new Admin(page);
  await enter();
  await admin.rows().first().waitFor();
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok((await overflow()) <= 0, "the list is wider than the screen");
  await shoot(page, "narrow-list");
  await admin.open("berlin-new-hires.csv");
  await admin.failures().first().waitFor();
  assert.ok((await overflow()) <= 0, "the job is wider than the screen");
  await shoot(page, "narrow-job");
  await admin.all();
  await admin.choose("bad.csv", "id,name\n,Nobody\n");
  assert.ok((await overflow()) <= 0, "the import is wider than the screen");
  await shoot(page, "narrow-import");
  const desk = new Desk(page);
  await page.getByRole("link", { name: "Desk" }).click();
  await desk.logIn(mock.url, "demo", "ann");
  assert.ok((await overflow()) <= 0, "the desk is wider than the screen");
  await shoot(page, "narrow-desk");
});
