import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AuthConfig } from "./provider";
import { Tokens } from "./tokens";

const provider: AuthConfig = {
  anonymous: false,
  clientId: "desk",
  scopes: "openid busyhour",
  authorizeUrl: "https://login.example.com/authorize",
  tokenUrl: "https://login.example.com/token",
};

// A token that ends then. Nobody checks its signature here.
function tokenUntil(ms: number): string {
  return `h.${btoa(JSON.stringify({ exp: ms / 1000 })).replaceAll("=", "")}.s`;
}

function setUp(href: string, config: AuthConfig | undefined, items = new Map<string, string>()) {
  const asked: { url: string; init: RequestInit | undefined }[] = [];
  const grants: object[] = [];
  const went: string[] = [];
  const statuses: number[] = [];
  const location = { href, assign: (url: string | URL) => void went.push(String(url)) };
  const tokens = new Tokens({
    store: {
      getItem: (k) => items.get(k) ?? null,
      setItem: (k, v) => void items.set(k, v),
      removeItem: (k) => void items.delete(k),
    },
    location,
    replace: (url) => void (location.href = new URL(url, location.href).href),
    ask: async (url, init) => {
      asked.push({ url, init });
      if (url === "/auth/config") return config ? Response.json(config) : new Response("", { status: 404 });
      return Response.json(grants.shift() ?? { error: "invalid_grant" }, { status: statuses.shift() ?? 200 });
    },
  });
  return { tokens, asked, grants, statuses, went, location, items };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a token in the address", () => {
  test("is taken out of it at once, and kept by the tab", async () => {
    const { tokens, location, items } = setUp("http://desk.example.com/?agent=ann#token=a.b.c", { anonymous: false });
    expect(location.href).toBe("http://desk.example.com/?agent=ann");
    await tokens.begin();
    expect(tokens.token).toBe("a.b.c");
    expect(tokens.needed).toBe(false);
    expect(setUp("http://desk.example.com/", { anonymous: false }, items).tokens.token).toBe("a.b.c");
  });

  test("goes along with what is asked", async () => {
    const { tokens, asked } = setUp("http://desk.example.com/#token=a.b.c", { anonymous: false });
    await tokens.post("/x", { method: "POST", headers: { "Content-Type": "application/json" } });
    expect(asked.at(-1)?.init?.headers).toEqual({ "Content-Type": "application/json", Authorization: "Bearer a.b.c" });
  });
});

test("a token that the server takes no more is asked for anew", async () => {
  const { tokens, statuses } = setUp("http://desk.example.com/#token=a.b.c", { anonymous: false });
  await tokens.begin();
  statuses.push(401);
  expect((await tokens.post("/x")).status).toBe(401);
  expect(tokens.needed).toBe(true);
});

describe("without a token", () => {
  test("a server that asks nobody needs none", async () => {
    for (const config of [{ anonymous: true }, undefined]) {
      const { tokens, asked } = setUp("http://desk.example.com/", config);
      await tokens.begin();
      expect(tokens.needed).toBe(false);
      await tokens.post("/x", {});
      expect(asked.at(-1)?.init).toEqual({});
    }
  });

  test("one is asked for, and may be pasted", async () => {
    const { tokens } = setUp("http://desk.example.com/", { anonymous: false });
    await tokens.begin();
    expect(tokens.needed).toBe(true);
    tokens.paste(" a.b.c\n");
    expect(tokens.token).toBe("a.b.c");
    tokens.lost("It has expired");
    expect(tokens.get()).toMatchObject({ token: "", trouble: "It has expired" });
    expect(tokens.needed).toBe(true);
  });
});

describe("the identity provider", () => {
  // Goes there, and gives the tab's memory and the address that the provider would send the person back to.
  async function away() {
    const { tokens, went, items } = setUp("http://desk.example.com/#/jobs", provider);
    await tokens.begin();
    await tokens.logIn();
    const there = new URL(went[0]!);
    return { items, there, back: `${there.searchParams.get("redirect_uri")}?code=c-1&state=${there.searchParams.get("state")}` };
  }

  test("is asked for a code, with a challenge", async () => {
    const { there } = await away();
    expect(there.origin + there.pathname).toBe(provider.authorizeUrl);
    expect(Object.fromEntries(there.searchParams)).toMatchObject({
      response_type: "code",
      client_id: "desk",
      redirect_uri: "http://desk.example.com/",
      scope: "openid busyhour",
      code_challenge_method: "S256",
    });
    expect(there.searchParams.get("code_challenge")).toMatch(/^[\w-]{43}$/);
  });

  test("gives a token for the code, and the person is where they were", async () => {
    const { items, back } = await away();
    const verifier = (JSON.parse(items.get("busyhour.errand")!) as { verifier: string }).verifier;
    const second = setUp(back, provider, items);
    second.grants.push({ access_token: "a.b.c" });
    await second.tokens.begin();
    expect(second.tokens.token).toBe("a.b.c");
    expect(second.location.href).toBe("http://desk.example.com/#/jobs");
    const sent = new URLSearchParams(String(second.asked.at(-1)?.init?.body));
    expect(Object.fromEntries(sent)).toEqual({
      client_id: "desk",
      grant_type: "authorization_code",
      code: "c-1",
      redirect_uri: "http://desk.example.com/",
      code_verifier: verifier,
    });
    expect(second.items.has("busyhour.errand")).toBe(false);
  });

  test("is not believed when it answers what nobody asked", async () => {
    const { items, back } = await away();
    const forged = setUp(back.replace(/state=.*/, "state=forged"), provider, items);
    await forged.tokens.begin();
    expect(forged.tokens.needed).toBe(true);
    expect(forged.asked.map((a) => a.url)).toEqual(["/auth/config"]);
  });

  test("that refuses says why", async () => {
    const { items, back } = await away();
    const refused = setUp(back.replace("code=c-1", "error=access_denied&error_description=Not+you"), provider, items);
    await refused.tokens.begin();
    expect(refused.tokens.get().trouble).toBe("Not you");
    expect(refused.tokens.needed).toBe(true);
  });

  test("renews a token before it ends", async () => {
    const { items, back } = await away();
    const { tokens, grants } = setUp(back, provider, items);
    grants.push({ access_token: tokenUntil(Date.now() + 300_000), refresh_token: "r-1" });
    await tokens.begin();
    grants.push({ access_token: "fresh" });
    await vi.advanceTimersByTimeAsync(239_000);
    expect(tokens.token).not.toBe("fresh");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(tokens.token).toBe("fresh");
  });
});
