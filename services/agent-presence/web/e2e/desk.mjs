// What a person does at the desk, and where they look. Both end-to-end tests speak these words.

export class Desk {
  constructor(page, timeout = 10_000) {
    this.page = page;
    page.setDefaultTimeout(timeout);
  }

  async logIn(url, tenant, agent) {
    await this.page.goto(url);
    await this.page.getByLabel("Tenant").fill(tenant);
    await this.page.getByLabel("Agent id").fill(agent);
    await this.page.getByRole("button", { name: "Log in" }).click();
    await this.page.locator(".status").waitFor();
  }

  async goAvailable() {
    const button = this.page.getByRole("group", { name: "Set your status" }).getByRole("button", { name: "Available" });
    await button.click();
    await this.status("Available");
  }

  status(word) {
    return this.page.locator(".status-word", { hasText: word }).waitFor();
  }

  // Cards in a state (offered, connecting, connected, held, wrap_up), or all.
  cards(state) {
    return this.page.locator(state ? `.card[data-state="${state}"]` : ".card");
  }

  // Waits for a card in the state, and gives the id of its contact.
  async card(state, timeout) {
    const card = this.cards(state).first();
    await card.waitFor({ timeout });
    return card.getAttribute("data-contact");
  }

  // Waits until the card of that contact is in the state.
  inState(contact, state) {
    return this.page.locator(`.card[data-contact="${contact}"][data-state="${state}"]`).waitFor();
  }

  // A press is on the card, not on a coordinate that a moving page may have given to something else.
  press(name) {
    return this.page.locator(".card").getByRole("button", { name, exact: true }).first().click();
  }

  async gone(contact, timeout) {
    await this.page.locator(`.card[data-contact="${contact}"]`).waitFor({ state: "detached", timeout });
  }

  banner(text) {
    return this.page.locator(".banner", { hasText: text });
  }

  async noBanner() {
    await this.page.locator(".banner").waitFor({ state: "detached" });
  }

  // Opens the supervisor's list of calls.
  async oldestCalls() {
    await this.page.locator(".calls").getByRole("button", { name: "Show" }).click();
  }

  call(contact) {
    return this.page.locator(`.call[data-call="${contact}"]`);
  }

  // Closes a call from the list.
  async closeCall(contact, reason) {
    await this.call(contact).getByRole("button", { name: "Close the call of" }).click();
    await this.page.getByRole("textbox", { name: "Reason" }).fill(reason);
    await this.page.getByRole("button", { name: "Close this call" }).click();
  }

  // The figures of each queue as the panel shows them, once they are live.
  async figures() {
    await this.page.locator(".figures-head .tag.is-good").waitFor();
    return this.page.locator(".queue").evaluateAll((queues) =>
      queues.map((q) => ({
        queue: q.dataset.queue,
        ...Object.fromEntries([...q.querySelectorAll("[data-figure]")].map((f) => [f.dataset.figure, f.querySelector("dd").textContent])),
      })),
    );
  }
}
