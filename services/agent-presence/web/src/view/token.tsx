import { useState } from "preact/hooks";
import { canLogIn } from "../auth/provider";
import { sentence } from "../desk/words";
import { useParts, useSubject } from "./hooks";
import { Logo } from "./icons";

// The server asks who this is.
export function TokenPage() {
  const { tokens } = useParts();
  const { config, trouble } = useSubject(tokens);
  const [pasted, paste] = useState("");
  const atProvider = config !== undefined && canLogIn(config);
  const submit = (e: Event) => {
    e.preventDefault();
    if (atProvider) void tokens.logIn();
    else if (pasted.trim()) tokens.paste(pasted);
  };
  return (
    <main class="gate">
      <form class="gate-box" onSubmit={submit} aria-labelledby="gate-title">
        <div class="brand">
          <Logo />
          <h1>Busyhour</h1>
        </div>
        <h2 id="gate-title">Who are you?</h2>
        {trouble && (
          <p class="refusal" role="alert">
            <span>{sentence(trouble)}</span>
          </p>
        )}
        {!atProvider && (
          <label>
            Token
            <input
              name="token"
              type="password"
              value={pasted}
              required
              autocomplete="off"
              spellcheck={false}
              onInput={(e) => paste(e.currentTarget.value)}
            />
          </label>
        )}
        <button type="submit" class="button is-primary">
          Log in
        </button>
        <p class="hint">
          {atProvider
            ? "You come back here when your identity provider knows you."
            : "Paste what your identity provider gave you; busyhour up prints an address that has one."}
        </p>
      </form>
    </main>
  );
}
