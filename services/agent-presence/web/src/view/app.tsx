import { useEffect } from "preact/hooks";
import { who } from "../desk/words";
import { Announcer } from "./announcer";
import { Banner } from "./banner";
import { CallsPanel } from "./calls";
import { Cards } from "./cards";
import { FiguresPanel } from "./figures";
import { Header } from "./header";
import { useDesk, useParts, useRoute, useSubject } from "./hooks";
import { JobsApart } from "./jobs/apart";
import { JobsPage } from "./jobs/page";
import { EnteringPage, LogInPage } from "./login";
import { OfferBar } from "./offer";
import { StatusBar } from "./status";
import { TokenPage } from "./token";

export function App() {
  const { session, held } = useDesk();
  const desk = useRoute().at === "desk";
  useTitle();
  const { tokens } = useParts();
  useSubject(tokens);
  if (tokens.needed) return <TokenPage />;
  if (!session) return desk ? <LogInPage /> : <JobsApart />;
  if (!held.known && desk) return <EnteringPage />;
  return (
    <>
      <Header />
      <Banner />
      {held.known && (
        // Kept while the jobs are looked at: what it rings and notes must not be lost.
        <main class="desk" hidden={!desk}>
          <div class="desk-work">
            <StatusBar />
            <Cards />
          </div>
          <div class="desk-watch">
            <FiguresPanel />
            <CallsPanel />
          </div>
        </main>
      )}
      {!desk && <OfferBar />}
      {!desk && <JobsPage tenant={session.tenant} actor={session.agentId} />}
      <Announcer />
    </>
  );
}

// The tab says that an offer is there, also while another tab is looked at.
function useTitle(): void {
  const { held } = useDesk();
  const desk = useRoute().at === "desk";
  const offer = held.cards.find((c) => c.state === "CONTACT_STATE_OFFERED");
  const page = desk ? held.known && held.agentName : "Jobs";
  const title = offer ? `☎ ${who(offer)} – Busyhour` : page ? `${page} – Busyhour` : "Busyhour";
  useEffect(() => {
    document.title = title;
  }, [title]);
}
