import { useEffect } from "preact/hooks";
import { who } from "../desk/words";
import { Announcer } from "./announcer";
import { Banner } from "./banner";
import { CallsPanel } from "./calls";
import { Cards } from "./cards";
import { FiguresPanel } from "./figures";
import { Header } from "./header";
import { useDesk } from "./hooks";
import { EnteringPage, LogInPage } from "./login";
import { StatusBar } from "./status";

export function App() {
  const { session, held } = useDesk();
  useTitle();
  if (!session) return <LogInPage />;
  if (!held.known) return <EnteringPage />;
  return (
    <>
      <Header />
      <Banner />
      <main class="desk">
        <div class="desk-work">
          <StatusBar />
          <Cards />
        </div>
        <div class="desk-watch">
          <FiguresPanel />
          <CallsPanel />
        </div>
      </main>
      <Announcer />
    </>
  );
}

// The tab says that an offer is there, also while another tab is looked at.
function useTitle(): void {
  const { held } = useDesk();
  const offer = held.cards.find((c) => c.state === "CONTACT_STATE_OFFERED");
  const title = offer ? `☎ ${who(offer)} – Busyhour` : held.known ? `${held.agentName} – Busyhour` : "Busyhour";
  useEffect(() => {
    document.title = title;
  }, [title]);
}
