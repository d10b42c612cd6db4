// What an administrator does with bulk jobs, and where they look. Both end-to-end tests speak these words.

import { readFile } from "node:fs/promises";

export class Admin {
  constructor(page, timeout = 10_000) {
    this.page = page;
    page.setDefaultTimeout(timeout);
  }

  // Goes to the jobs without being an agent.
  async enter(url, tenant, name, path = "#/jobs") {
    await this.page.goto(`${url}/${path}`);
    await this.page.getByLabel("Tenant").fill(tenant);
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByRole("button", { name: "Show the jobs" }).click();
    await this.page.locator("main.jobs").waitFor();
  }

  heading(text) {
    return this.page.getByRole("heading", { level: 2, name: text });
  }

  // The rows of the list.
  rows() {
    return this.page.locator("tr[data-job]");
  }

  row(title) {
    return this.rows().filter({ has: this.page.getByRole("link", { name: title, exact: true }) });
  }

  async all() {
    await this.page.getByRole("link", { name: "All jobs" }).click();
    await this.heading("Bulk jobs").waitFor();
  }

  // Opens a job of the list, and gives its id.
  async open(title) {
    const row = this.row(title).first();
    const id = await row.getAttribute("data-job");
    await row.getByRole("link").click();
    await this.heading(title).waitFor();
    return id;
  }

  // The job that is open, by the address.
  id() {
    return decodeURIComponent(/#\/jobs\/(.+)$/.exec(this.page.url())?.[1] ?? "");
  }

  // Waits until the open job is in one of the states (running, paused, cancelled, done, failures), and gives it.
  async state(...states) {
    const tag = this.page.locator(states.map((s) => `.jobs-head [data-state="${s}"]`).join(", "));
    await tag.waitFor();
    return tag.getAttribute("data-state");
  }

  // The numbers of the open job.
  async counts() {
    const all = await this.page.locator(".numbers [data-count]").evaluateAll((figures) =>
      figures.map((f) => [f.dataset.count, f.querySelector("dd").textContent]),
    );
    return Object.fromEntries(all.map(([name, text]) => [name, Number(text.replaceAll(",", ""))]));
  }

  press(name) {
    return this.page.locator(".jobs-acts").getByRole("button", { name, exact: true }).click();
  }

  async cancel() {
    await this.press("Cancel");
    await this.page.getByRole("button", { name: "Cancel the job" }).click();
  }

  // Chooses a file, which is checked at once; gives what the check says.
  async choose(name, text) {
    if (!this.page.url().endsWith("#/import")) await this.page.getByRole("link", { name: "Import agents" }).click();
    await this.page.getByLabel("File of agents").setInputFiles({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
    const verdict = this.page.locator(".verdict.is-good, .verdict.is-bad");
    await verdict.waitFor();
    return verdict.textContent();
  }

  // Takes the file that was chosen, and gives the id of its job.
  async take() {
    await this.page.getByRole("button", { name: /^Import \d/ }).click();
    await this.page.locator(".numbers").waitFor();
    return this.id();
  }

  // The errors of the file, as "line column".
  errors() {
    const place = (rows) => rows.map((r) => `${r.cells[0].textContent} ${r.cells[1].textContent}`.trim());
    return this.page.locator(".is-errors tbody tr").evaluateAll(place);
  }

  failures() {
    return this.page.locator("tr[data-item]");
  }

  // Downloads the outcomes, and gives the name of the file and its lines.
  async download() {
    const [download] = await Promise.all([this.page.waitForEvent("download"), this.press("Download outcomes as CSV")]);
    const text = await readFile(await download.path(), "utf8");
    return { name: download.suggestedFilename(), lines: text.trimEnd().split("\n") };
  }
}
