// Close codes alone tell a screen whether to come back (pkg/edge/codes.go has the server's side):
//
//   1000                 no: the session ended as it should
//   1008, 4500 and up    no: the same again would be refused again, until a person has done something
//   all others           yes, with back-off
export function comesBack(code: number): boolean {
  return code !== 1000 && code !== 1008 && code < 4500;
}

const known: Readonly<Record<number, string>> = {
  1000: "The session has ended",
  1001: "The server is going",
  1006: "The connection was lost",
  1011: "The server failed",
  1012: "The server is going",
  1013: "This screen could not keep up",
  4000: "The server heard nothing from this screen",
  4001: "The state is being verified",
  4002: "The server is full",
  4503: "This screen was opened somewhere else",
  4504: "Your log-in has ended",
};

// The server wants to know anew who this is.
export const whoAreYou = 4504;

// What to tell a person: the reason in a close frame is for machines where the code is known.
export function inWords(code: number, reason: string): string {
  return known[code] ?? (reason || `The connection ended with code ${code}`);
}

// Codes that the page itself closes with.
export const own = {
  loggedOut: 1000,
  silent: 4100,
  unreadable: 4101,
  behind: 4102,
  refused: 4103,
} as const;
