import { useEffect, useRef, useState } from "preact/hooks";
import { deskLink } from "../../jobs/route";
import { Button } from "../button";
import { useParts, useSubject } from "../hooks";
import { Logo } from "../icons";
import { tenantPattern } from "../login";
import { Nav } from "../nav";
import { JobsPage } from "./page";

// The jobs for somebody who is not logged in as an agent.
export function JobsApart() {
  const session = useParts().admin;
  const { admin } = useSubject(session);
  if (!admin) return <Gate />;
  return (
    <>
      <header class="top">
        <div class="brand">
          <Logo />
          <h1>Busyhour</h1>
        </div>
        <Nav />
        <div class="person">
          <span class="person-name">
            {admin.actor}
            <small>{admin.tenant}</small>
          </span>
        </div>
        <div class="tools">
          <Button kind="quiet" icon="door" onPress={() => session.leave()}>
            Leave
          </Button>
        </div>
      </header>
      <JobsPage tenant={admin.tenant} actor={admin.actor} />
    </>
  );
}

function Gate() {
  const { admin, preferences } = useParts();
  const asked = new URLSearchParams(location.search);
  const [tenant, setTenant] = useState(asked.get("tenant") ?? preferences.get().tenant);
  const [actor, setActor] = useState("");
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLInputElement>(tenant ? "[name=actor]" : "[name=tenant]")?.focus(), []);
  const submit = (e: Event) => {
    e.preventDefault();
    if (!actor.trim()) return;
    preferences.set({ tenant });
    admin.enter({ tenant: tenant.trim(), actor: actor.trim() });
  };
  return (
    <main class="gate">
      <form class="gate-box" ref={form} onSubmit={submit} aria-labelledby="gate-title">
        <div class="brand">
          <Logo />
          <h1>Busyhour</h1>
        </div>
        <h2 id="gate-title">Bulk jobs</h2>
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
          Your name
          <input
            name="actor"
            value={actor}
            required
            maxLength={128}
            placeholder="kim"
            autocomplete="username"
            spellcheck={false}
            onInput={(e) => setActor(e.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button is-primary">
          Show the jobs
        </button>
        <p class="hint">Your name stands in the jobs that you ask for or change.</p>
        <p class="hint">
          To take calls, <a href={deskLink}>log in as an agent</a>.
        </p>
      </form>
    </main>
  );
}
