// A Busyhour for development and tests: the desktop's WebSocket, the queue figures, bulk jobs and the built page, with a
// scripted call for every agent who goes available. Faults are played by POST /mock/<name>, or by the functions that start() gives.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { Agent, no } from "./agent.mjs";
import * as calls from "./calls.mjs";
import { figures } from "./figures.mjs";
import { Jobs } from "./jobs.mjs";

// Milliseconds. A pace without nextCall calls once per status change; without firstCall, never by itself.
export const livelyPace = { firstCall: 2_000, nextCall: 6_000, offer: 15_000, connect: 900, wrapUp: 45_000, heartbeat: 5_000 };

const people = { ann: "Ann Archer", bob: "Bob Brown", cleo: "Cleo Castle" };
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
// As strict as the page promises to be able to live with.
const policy = "default-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

export async function start({ port = 0, pace = livelyPace, jobs = new Jobs().seed() } = {}) {
  const seen = { received: [], closed: [] };
  const world = { pace, jobs, agents: new Map(), verified: true, away: "", screens: 0, calls: [calls.stuckCall()], ghosts: new Set(), ...seen };
  const faults = makeFaults(world);
  const server = createServer((req, res) => serve(world, faults, req, res));
  const sockets = new WebSocketServer({ server, path: "/ws/desktop" });
  sockets.on("connection", (ws) => screen(world, ws));
  await new Promise((ok) => server.listen(port, "127.0.0.1", ok));
  const beat = setInterval(() => world.agents.forEach((a) => a.push(a.heartbeat())), pace.heartbeat);
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    world,
    ...faults,
    async close() {
      clearInterval(beat);
      world.agents.forEach((a) => a.stop());
      sockets.clients.forEach((ws) => ws.terminate());
      server.closeAllConnections();
      await new Promise((ok) => server.close(ok));
    },
  };
}

function makeFaults(world) {
  const agents = () => [...world.agents.values()];
  const screens = () => agents().flatMap((a) => [...a.screens]);
  return {
    offer: () => agents().forEach((a) => a.offer()),
    hangUp: () => agents().forEach((a) => a.cards.slice().forEach((c) => a.hangUp(c))),
    // The network goes: no close frame.
    drop: () => screens().forEach((s) => s.ws.terminate()),
    // A change whose push is lost, and then one whose push is not.
    gap: () => agents().forEach((a) => (a.offer(false), a.offer(true))),
    // A change whose push is lost; only the heartbeat shows it.
    silentGap: () => agents().forEach((a) => a.offer(false)),
    unverify: () => verify(world, false),
    verify: () => verify(world, true),
    going: (ms = 3_000) => screens().forEach((s) => (s.tell({ going: { reconnectAfterMs: ms } }), s.ws.close(1012, "going"))),
    replace: () => screens().forEach((s) => s.ws.close(4503, "this screen logged in elsewhere")),
    refuse: () => agents().forEach((a) => (a.refuseNext = no("OFFER_NOT_YOURS", "The offer went to somebody else", "Wait for the next one"))),
    deactivate: () => agents().forEach((a) => a.deactivate()),
    activate: () => agents().forEach((a) => (a.deactivated = false)),
    // Contacts are gone, and their cards stay.
    haunt: () => agents().forEach((a) => a.cards.forEach((c) => world.ghosts.add(c.contactId))),
    // Provisioning does not answer, is not passed on to, or is older than the page.
    jobsAway: () => (world.away = "away"),
    jobsUnnamed: () => (world.away = "unnamed"),
    jobsOld: () => (world.away = "old"),
    jobsBack: () => (world.away = ""),
    newEpoch: () => agents().forEach((a) => (a.epoch++, (a.presenceN = a.workloadN = 1))),
  };
}

function verify(world, verified) {
  world.verified = verified;
  world.agents.forEach((a) => {
    a.verified = verified;
    a.push({ verification: { verified } });
  });
}

// --- the WebSocket ---

function screen(world, ws) {
  const self = { ws, tell: (frame) => ws.send(JSON.stringify(lean(frame))) };
  let agent;
  ws.on("message", (data) => {
    const f = JSON.parse(String(data));
    world.received.push(f);
    if (f.logIn) agent = logIn(world, self, f);
    else if (agent) take(agent, self, f);
  });
  ws.on("close", () => agent?.screens.delete(self));
}

function logIn(world, self, { requestId, logIn: { tenant, agentId, screenId } }) {
  if (!people[agentId]) {
    self.tell({ refused: { requestId, ...no("AGENT_UNKNOWN", `Tenant ${tenant} has no agent ${agentId}`, "Try ann, bob or cleo") } });
    self.ws.close(4502, "AGENT_UNKNOWN");
    return undefined;
  }
  const key = `${tenant}/${agentId}`;
  const agent = world.agents.get(key) ?? new Agent(tenant, agentId, people[agentId], world.pace);
  agent.verified = world.verified;
  world.agents.set(key, agent);
  agent.screens.add(self);
  self.id = screenId || `s-${++world.screens}`;
  self.tell(agent.snapshot(self.id));
  return agent;
}

function take(agent, self, f) {
  if (f.pong) return;
  if (f.resync) return self.tell(agent.snapshot(self.id));
  const refused = agent.verified ? carryOut(agent, f) : no("UNVERIFIED", "The state is being rebuilt", "Try again in a moment");
  if (refused) self.tell({ refused: { requestId: f.requestId, ...refused } });
  else self.tell({ done: { requestId: f.requestId } });
  if (f.logOut) {
    agent.setStatus("STATUS_OFFLINE", "");
    self.ws.close(1000);
  }
}

function carryOut(agent, f) {
  const refusal = agent.refuseNext;
  agent.refuseNext = undefined;
  if (refusal) return refusal;
  if (f.setStatus?.status === "STATUS_BREAK" && !f.setStatus.reason) {
    return no("REASON_MISSING", "A break needs a reason", "Say what the break is for");
  }
  if (f.setStatus?.status === "STATUS_AVAILABLE" && agent.deactivated) {
    const { agentId } = agent.presence;
    return no("AGENT_DEACTIVATED", `Agent ${agentId} is deactivated in the directory and takes no contacts`, "Have the agent activated in the directory first; what is in hand can be finished");
  }
  if (f.setStatus) agent.setStatus(f.setStatus.status, f.setStatus.reason);
  return f.act ? agent.act(f.act.contactId, f.act.action) : undefined;
}

// As protobuf's JSON mapping does: what has its default value is left out.
function lean(value) {
  if (Array.isArray(value)) return value.map(lean);
  if (typeof value !== "object" || value === null) return value;
  const isDefault = (v) => v === undefined || v === false || v === 0 || v === "" || (Array.isArray(v) && v.length === 0);
  return Object.fromEntries(Object.entries(value).filter(([, v]) => !isDefault(v)).map(([k, v]) => [k, lean(v)]));
}

// --- HTTP ---

function serve(world, faults, req, res) {
  const url = new URL(req.url, "http://mock");
  const [, first, second] = url.pathname.split("/");
  if (req.method === "POST" && first === "mock" && faults[second]) {
    faults[second]();
    return res.writeHead(204).end();
  }
  const method = url.pathname.replace("/busyhour.routing.v1.RoutingService/", "");
  if (req.method === "POST" && routing[method]) return answer(routing[method], world, req, res);
  const job = /^\/busyhour\.provisioning\.v1\.JobService\/(\w+)$/.exec(url.pathname);
  if (req.method === "POST" && job) return answerJob(job[1], world, req, res);
  page(url.pathname, res);
}

const routing = {
  GetQueueFigures: (world) => figures(world.verified),
  ListContacts: (world) => calls.list(world),
  CloseContact(world, request) {
    world.closed.push(request);
    return calls.close(world, request);
  },
};

const away = {
  away: { status: 503, body: { code: "unavailable", message: "provisioning does not answer: try again" } },
  old: { status: 501, body: { code: "unimplemented", message: "busyhour.provisioning.v1.JobService.ListJobs is not implemented" } },
};

async function answerJob(method, world, req, res) {
  const request = JSON.parse(await bodyOf(req));
  if (world.away === "unnamed") return res.writeHead(405).end("only GET and HEAD\n");
  const { status, body } = away[world.away] ?? world.jobs.answer(method, request, world.verified);
  res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(lean(body)));
}

async function bodyOf(req) {
  let body = "";
  for await (const part of req) body += part;
  return body;
}

async function answer(method, world, req, res) {
  const body = await bodyOf(req);
  if (!world.verified && method === routing.CloseContact) {
    const message = "the state of tenant demo is not verified: try again in 1 s";
    return res.writeHead(503, { "content-type": "application/json" }).end(JSON.stringify({ code: "unavailable", message }));
  }
  res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(lean(method(world, JSON.parse(body)))));
}

function page(path, res) {
  const file = join(dist, normalize(path === "/" ? "/index.html" : path));
  if (!file.startsWith(dist) || !existsSync(file)) return res.writeHead(404).end("not found\n");
  res.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": policy });
  createReadStream(file).pipe(res);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await start({ port: Number(process.env.PORT ?? 8099) });
  console.log(`mock on ${mock.url}; faults: curl -X POST ${mock.url}/mock/{${Object.keys(makeFaults(mock.world)).join(",")}}`);
}
