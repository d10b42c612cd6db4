// The live calls, as call-routing lists and closes them: a stuck one of an agent who is not here, and those on the agents'
// cards. A ghost is a card that no contact stands behind.

export function stuckCall() {
  const at = { createdAt: new Date(Date.now() - 26 * 3_600_000).toISOString(), reservation: { agentId: "cleo" }, terms: { queueName: "Support" } };
  return { id: "c-stuck", state: "CONTACT_STATE_CONNECTED", from: "+49 30 901820", queueId: "support", ...at };
}

export function list(world) {
  const cards = [...world.agents.values()].flatMap((a) => a.cards.map((c) => contactOf(a, c)));
  return { contacts: [...world.calls, ...cards.filter((c) => !world.ghosts.has(c.id))] };
}

function contactOf(agent, c) {
  const { agentId } = agent.presence;
  const at = { createdAt: c.queuedAt, reservation: { agentId }, terms: { queueName: c.queueName } };
  return { id: c.contactId, state: c.state, from: c.from, queueId: c.queueId, ...at };
}

export function close(world, { contactId, agentId }) {
  const before = world.calls.length;
  world.calls = world.calls.filter((c) => c.id !== contactId);
  if (world.calls.length < before) return { outcome: "OUTCOME_CLOSED" };
  for (const agent of world.agents.values()) {
    if (!agent.find(contactId)) continue;
    agent.remove(contactId);
    return { outcome: world.ghosts.has(contactId) && agentId ? "OUTCOME_CARD_DROPPED" : "OUTCOME_CLOSED" };
  }
  return { outcome: "OUTCOME_ENDED_BEFORE" };
}
