// The identity provider, by OpenID Connect's authorization code flow with PKCE: a person goes there, logs in, and comes back
// with a code, which is worth a token to whoever knows the secret that this tab kept.

// What /auth/config says: pkg/identity's Page.
export interface AuthConfig {
  // Nobody needs a token.
  readonly anonymous: boolean;
  readonly clientId?: string;
  readonly scopes?: string;
  readonly authorizeUrl?: string;
  readonly tokenUrl?: string;
}

// What the tab keeps while the person is away.
export interface Errand {
  readonly state: string;
  readonly verifier: string;
  // The place in the page to come back to.
  readonly hash: string;
}

export interface Granted {
  readonly token: string;
  // What a newer token can be had for; empty: nothing.
  readonly refresh: string;
}

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

export const canLogIn = (c: AuthConfig): boolean => Boolean(c.clientId && c.authorizeUrl && c.tokenUrl);

export function newErrand(hash: string): Errand {
  return { state: base64url(random(16)), verifier: base64url(random(48)), hash };
}

export async function wayThere(c: AuthConfig, errand: Errand, back: string): Promise<string> {
  const there = new URL(c.authorizeUrl!);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(errand.verifier));
  const asks = {
    response_type: "code",
    client_id: c.clientId!,
    redirect_uri: back,
    scope: c.scopes || "openid",
    state: errand.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asks)) there.searchParams.set(name, value);
  return there.href;
}

export function forCode(c: AuthConfig, errand: Errand, code: string, back: string, ask: Fetch): Promise<Granted> {
  return grant(c, { grant_type: "authorization_code", code, redirect_uri: back, code_verifier: errand.verifier }, ask);
}

export function forRefresh(c: AuthConfig, refresh: string, ask: Fetch): Promise<Granted> {
  return grant(c, { grant_type: "refresh_token", refresh_token: refresh }, ask);
}

async function grant(c: AuthConfig, what: Record<string, string>, ask: Fetch): Promise<Granted> {
  const body = new URLSearchParams({ client_id: c.clientId!, ...what });
  const answer = await ask(c.tokenUrl!, { method: "POST", body });
  const said = (await answer.json()) as { access_token?: string; refresh_token?: string; error_description?: string; error?: string };
  if (!said.access_token) throw new Error(said.error_description ?? said.error ?? `The identity provider answers ${answer.status}`);
  return { token: said.access_token, refresh: said.refresh_token ?? what["refresh_token"] ?? "" };
}

function random(bytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
