// Close codes alone tell a screen whether to come back:
//
//   1008 (policy) and 4500-4999   no: the same again will be refused again, or the screen was ended on purpose
//   all others                    yes, with back-off: 1001 and 1012 (going), 1006 (lost), 1013 (too slow), 4000-4499
export function comesBack(code: number): boolean {
  return code !== 1008 && (code < 4500 || code > 4999);
}

// Codes that the page itself closes with.
export const own = {
  loggedOut: 1000,
  refused: 4004,
  silent: 4001,
  unreadable: 4002,
  behind: 4003,
} as const;
