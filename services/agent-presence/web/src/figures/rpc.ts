// Connect's unary protocol with JSON: one POST, and an error that names its code.

export class RpcError extends Error {
  constructor(
    readonly code: string,
    message: string,
    // Of HTTP.
    readonly status = 0,
  ) {
    super(message);
  }
}

export type Post = (url: string, init: RequestInit) => Promise<Response>;

export async function call(method: string, request: object, signal: AbortSignal, post: Post = fetch): Promise<unknown> {
  const response = await post(`/${method}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Connect-Protocol-Version": "1" },
    body: JSON.stringify(request),
    signal,
  });
  if (response.ok) return response.json();
  throw await failure(response);
}

async function failure(response: Response): Promise<RpcError> {
  try {
    const { code, message } = (await response.json()) as { code?: string; message?: string };
    return new RpcError(code ?? "unknown", message ?? response.statusText, response.status);
  } catch {
    return new RpcError("unknown", `HTTP ${response.status} ${response.statusText}`.trim(), response.status);
  }
}
