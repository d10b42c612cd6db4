// Drives the desktop of a running Busyhour through one call, as an agent would:
//
//   node desktop.mjs --url http://127.0.0.1:8080 --tenant demo --agent ann [--shots DIR] [--timeout 30] [--end]
//
// Somebody else has to place the call: once "available" is printed, and to hang up once "connected" is; with --end the
// agent ends it. Each step is a line on standard output, "desktop: <step>", as soon as the page shows it. Exits 0 when all
// was seen, 1 with what was not, 2 when it was called wrongly.

import { parseArgs } from "node:util";
import { camera, launch, open } from "./browser.mjs";
import { Desk } from "./desk.mjs";
import { steps } from "./steps.mjs";

const usage = "usage: node desktop.mjs --url URL --tenant TENANT --agent AGENT [--shots DIR] [--timeout SECONDS per step] [--end]";

function options() {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      tenant: { type: "string" },
      agent: { type: "string" },
      shots: { type: "string" },
      timeout: { type: "string", default: "30" },
      end: { type: "boolean", default: false },
    },
  });
  const seconds = Number(values.timeout);
  if (!values.url || !values.tenant || !values.agent || !(seconds > 0)) throw new Error("--url, --tenant and --agent are needed");
  return { ...values, timeout: seconds * 1000 };
}

async function main({ url, tenant, agent, shots, timeout, end }) {
  const shoot = camera(shots);
  const browser = await launch();
  const { page, errors } = await open(browser);
  const desk = new Desk(page, timeout);
  const step = steps("desktop", page, shoot);

  try {
    await step("logged in", () => desk.logIn(url, tenant, agent));
    await step("available", () => desk.goAvailable());
    const contact = await step("offered", () => desk.card("offered"));
    await step("accepted", () => desk.press("Accept"));
    await step("connected", () => desk.inState(contact, "connected"));
    if (end) await step("ended", () => desk.press("End"));
    await step("wrap-up", () => desk.inState(contact, "wrap_up"));
    await step("completed", async () => {
      await desk.press("Done");
      await desk.gone(contact);
    });
    await step("figures", async () => {
      const figures = await desk.figures();
      const wrong = figures.filter((q) => !["waiting", "ready", "in hand", "offered", "answered", "abandoned"].every((f) => /^[\d,]+$/.test(q[f])));
      if (figures.length === 0) throw new Error("the panel shows no queue");
      if (wrong.length > 0) throw new Error(`not all are numbers: ${JSON.stringify(wrong)}`);
      return JSON.stringify(figures);
    });
    if (errors.length > 0) throw new Error(`the page reported errors:\n${errors.join("\n")}`);
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
  console.error(`desktop: FAILED: ${e.message}`);
  process.exit(1);
}
