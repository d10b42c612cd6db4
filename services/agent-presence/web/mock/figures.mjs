// Queue figures that move a little with every question.

const queues = [
  { queueId: "sales", name: "Sales", mood: 2 },
  { queueId: "support", name: "Support", mood: 6 },
  { queueId: "billing", name: "Billing", mood: 0 },
  { queueId: "returns", name: "Returns and complaints", mood: 1 },
].map((q) => ({ ...q, waiting: q.mood, oldest: 0, offered: 40 + q.mood * 30, answered: 36 + q.mood * 25, abandoned: q.mood, inTarget: 34 + q.mood * 17 }));

function step(q) {
  const change = Math.random();
  if (change < 0.25) q.waiting++;
  else if (change > 0.75 && q.waiting > 0) {
    q.waiting--;
    q.offered++;
    q.answered++;
    if (Math.random() < 0.75) q.inTarget++;
    q.oldest = Math.max(0, q.oldest - 9_000);
  }
  q.waiting = Math.max(0, Math.min(q.waiting, q.mood + 4));
  q.oldest = q.waiting === 0 ? 0 : q.oldest + 1_000;
}

export function figures(verified) {
  queues.forEach(step);
  return {
    queues: queues.map((q, i) => ({
      queueId: q.queueId,
      name: q.name,
      waiting: q.waiting,
      oldestWaitMs: String(q.oldest),
      ready: q.waiting > 0 ? 0 : 4 - i,
      inHand: q.mood * 3,
      offeredTotal: String(q.offered),
      answeredTotal: String(q.answered),
      abandonedTotal: String(q.abandoned),
      answeredInTargetTotal: String(q.inTarget),
    })),
    at: new Date().toISOString(),
    verified,
    epoch: 5,
  };
}
