import { useEffect, useRef, useState } from "preact/hooks";
import { sentence } from "../desk/words";
import { jobsLink } from "../jobs/route";
import { Button } from "./button";
import { useDesk, useParts } from "./hooks";
import { Logo } from "./icons";

// As the directory has it; the server checks again.
export const tenantPattern = "[a-z0-9][a-z0-9\\-]{0,62}";

export function LogInPage() {
  const { desk, preferences } = useParts();
  const { logInRefused } = useDesk();
  const asked = new URLSearchParams(location.search);
  const [tenant, setTenant] = useState(asked.get("tenant") ?? preferences.get().tenant);
  const [agentId, setAgentId] = useState(logInRefused?.agentId ?? asked.get("agent") ?? "");
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLInputElement>(tenant ? "[name=agent]" : "[name=tenant]")?.focus(), []);
  const submit = (e: Event) => {
    e.preventDefault();
    preferences.set({ tenant });
    desk.logIn(tenant.trim(), agentId.trim());
  };
  return (
    <main class="gate">
      <form class="gate-box" ref={form} onSubmit={submit} aria-labelledby="gate-title">
        <div class="brand">
          <Logo />
          <h1>Busyhour</h1>
        </div>
        <h2 id="gate-title">Agent desktop</h2>
        {logInRefused && (
          <p class="refusal" role="alert">
            <span>
              <strong>{sentence(logInRefused.message)}</strong> {sentence(logInRefused.help)}
            </span>
          </p>
        )}
        <label>
          Tenant
          <input
            name="tenant"
            value={tenant}
            required
            pattern={tenantPattern}
            title="Small letters, digits and hyphens"
            placeholder="demo"
            autocomplete="organization"
            autocapitalize="none"
            spellcheck={false}
            onInput={(e) => setTenant(e.currentTarget.value)}
          />
        </label>
        <label>
          Agent id
          <input
            name="agent"
            value={agentId}
            required
            maxLength={128}
            placeholder="ann"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            onInput={(e) => setAgentId(e.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button is-primary">
          Log in
        </button>
        <p class="hint">Both stand in your contact centre's directory. A reload of the page keeps you logged in; closing the tab does not.</p>
        <p class="hint">
          <a href={jobsLink}>Bulk jobs</a> need no log-in as an agent.
        </p>
      </form>
    </main>
  );
}

// Logged in as far as this page is concerned, but nothing to show yet.
export function EnteringPage() {
  const { desk } = useParts();
  const { session, link, logInRefused } = useDesk();
  return (
    <main class="gate">
      <div class="gate-box" role="status">
        <div class="brand">
          <Logo />
          <h1>Busyhour</h1>
        </div>
        <p class="gate-wait">
          <span class="spinner" aria-hidden="true" />
          Logging in as <b>{session?.agentId}</b> at <b>{session?.tenant}</b>
        </p>
        {link.is === "waiting" && (
          <p class="hint">
            {sentence(logInRefused?.message ?? link.why)} Trying again, attempt {link.attempt + 1}.
          </p>
        )}
        <Button onPress={() => desk.logOut()}>Cancel</Button>
      </div>
    </main>
  );
}
