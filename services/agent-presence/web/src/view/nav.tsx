import { deskLink, jobsLink } from "../jobs/route";
import { useRoute } from "./hooks";

// Between the agent's desk and the administrator's jobs.
export function Nav() {
  const desk = useRoute().at === "desk";
  return (
    <nav class="nav" aria-label="Pages">
      <a href={deskLink} aria-current={desk ? "page" : undefined}>
        Desk
      </a>
      <a href={jobsLink} aria-current={desk ? undefined : "page"}>
        Jobs
      </a>
    </nav>
  );
}
