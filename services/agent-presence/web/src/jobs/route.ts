// Which page is shown, by the part of the address behind "#": the server knows one page only.

export type Route = { readonly at: "desk" | "jobs" | "import" } | { readonly at: "job"; readonly id: string };

export function routeOf(hash: string): Route {
  const [first, id] = hash.replace(/^#\/?/, "").split("/");
  if (first === "import") return { at: "import" };
  if (first !== "jobs") return { at: "desk" };
  return id ? { at: "job", id: decoded(id) } : { at: "jobs" };
}

export const deskLink = "#/";
export const jobsLink = "#/jobs";
export const importLink = "#/import";

export function jobLink(id: string): string {
  return `#/jobs/${encodeURIComponent(id)}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
