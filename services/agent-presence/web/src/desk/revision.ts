import type { Revision } from "../wire/wire";

export const zero: Revision = { epoch: 0, n: 0 };

// Zero says that the record does not exist; it has no place in the order.
export function isZero(r: Revision): boolean {
  return r.epoch === 0 && r.n === 0;
}

export function same(a: Revision, b: Revision): boolean {
  return a.epoch === b.epoch && a.n === b.n;
}

// A later epoch is newer whatever n says.
export function newer(a: Revision, than: Revision): boolean {
  return a.epoch !== than.epoch ? a.epoch > than.epoch : a.n > than.n;
}
