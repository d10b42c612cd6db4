// Who the person is, as far as the server asks: a token, from the address bar, by a log-in at the identity provider, or pasted.
// It stays in this tab, and goes along with whatever is asked.

import { Subject } from "../jobs/subject";
import { canLogIn, forCode, forRefresh, newErrand, wayThere, type AuthConfig, type Errand, type Fetch, type Granted } from "./provider";

export interface AuthView {
  // undefined until the server has said whether it asks.
  readonly config: AuthConfig | undefined;
  readonly token: string;
  // Why there is no token, or none any more.
  readonly trouble: string;
}

// The parts of the browser that are used.
export interface Browser {
  readonly store: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly location: Pick<Location, "href" | "assign">;
  // Replaces the address without leaving a trace of the old one.
  readonly replace: (url: string) => void;
  readonly ask: Fetch;
}

const tokenKey = "busyhour.token";
const refreshKey = "busyhour.refresh";
const errandKey = "busyhour.errand";
// A token is renewed that long before it ends.
const early = 60_000;
// Timers hold no more than this.
const longestTimer = 2 ** 31 - 1;

export class Tokens extends Subject<AuthView> {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly browser: Browser) {
    super({ config: undefined, token: fromAddress(browser) ?? browser.store.getItem(tokenKey) ?? "", trouble: "" });
    if (this.token) this.#keep({ token: this.token, refresh: browser.store.getItem(refreshKey) ?? "" });
  }

  get token(): string {
    return this.get().token;
  }

  // Whether somebody has to say who they are before anything works.
  get needed(): boolean {
    const { config, token } = this.get();
    return config !== undefined && !config.anonymous && !token;
  }

  // Asks the server whether it asks, and takes up a log-in from which the person has come back.
  async begin(): Promise<void> {
    try {
      const answer = await this.browser.ask("/auth/config");
      // A server that knows no such thing asks nobody.
      const config: AuthConfig = answer.ok ? ((await answer.json()) as AuthConfig) : { anonymous: true };
      await this.#comeBack(config);
      this.show({ config });
      this.#renewInTime();
    } catch (e) {
      this.show({ config: { anonymous: true }, trouble: words(e) }); // the desk says better what is wrong with the server
    }
  }

  // Leaves the page for the identity provider's.
  async logIn(): Promise<void> {
    const { config } = this.get();
    if (!config) return;
    const here = new URL(this.browser.location.href);
    const errand = newErrand(here.hash);
    this.browser.store.setItem(errandKey, JSON.stringify(errand));
    this.browser.location.assign(await wayThere(config, errand, backTo(here)));
  }

  paste(token: string): void {
    this.#keep({ token: token.trim(), refresh: "" });
  }

  // The server does not take the token any more.
  lost(why: string): void {
    clearTimeout(this.#timer);
    this.browser.store.removeItem(tokenKey);
    this.browser.store.removeItem(refreshKey);
    this.show({ token: "", trouble: why });
  }

  // As fetch, with the token.
  readonly post: Fetch = async (url, init = {}) => {
    const { token } = this;
    const answer = await this.browser.ask(url, token ? { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } } : init);
    if (answer.status === 401 && token && token === this.token) this.lost("Your log-in has ended");
    return answer;
  };

  async #comeBack(config: AuthConfig): Promise<void> {
    const here = new URL(this.browser.location.href);
    const errand = JSON.parse(this.browser.store.getItem(errandKey) ?? "null") as Errand | null;
    const { code, state, error, error_description } = Object.fromEntries(here.searchParams);
    if (!errand || state !== errand.state || !canLogIn(config)) return;
    this.browser.store.removeItem(errandKey);
    const back = backTo(here);
    this.browser.replace(back + errand.hash);
    try {
      if (!code) throw new Error(error_description ?? error ?? "The identity provider sent nobody back");
      this.#keep(await forCode(config, errand, code, back, this.browser.ask));
    } catch (e) {
      this.show({ trouble: words(e) });
    }
  }

  #keep({ token, refresh }: Granted): void {
    this.browser.store.setItem(tokenKey, token);
    this.browser.store.setItem(refreshKey, refresh);
    this.show({ token, trouble: "" });
    this.#renewInTime();
  }

  #renewInTime(): void {
    clearTimeout(this.#timer);
    const { config, token } = this.get();
    const refresh = this.browser.store.getItem(refreshKey);
    const end = ends(token);
    if (!config || !canLogIn(config) || !refresh || !end) return;
    const left = Math.max(0, end - Date.now() - early);
    if (left < longestTimer) this.#timer = setTimeout(() => void this.#renew(config, refresh), left);
  }

  // If it fails, the session ends with its token, and the person logs in again.
  async #renew(config: AuthConfig, refresh: string): Promise<void> {
    try {
      this.#keep(await forRefresh(config, refresh, this.browser.ask));
    } catch (e) {
      this.show({ trouble: words(e) });
    }
  }
}

// A token behind "#token=" must not stay in the address bar, nor in the history.
function fromAddress({ location, replace }: Browser): string | undefined {
  const here = new URL(location.href);
  if (!here.hash.startsWith("#token=")) return undefined;
  replace(here.pathname + here.search);
  return decodeURIComponent(here.hash.slice("#token=".length));
}

// The address of the page, without what a log-in has added.
function backTo(here: URL): string {
  return here.origin + here.pathname;
}

// When a token ends, by its own claim; 0: it does not say.
function ends(token: string): number {
  try {
    const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"))) as { exp?: number };
    return (claims.exp ?? 0) * 1000;
  } catch {
    return 0;
  }
}

function words(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
