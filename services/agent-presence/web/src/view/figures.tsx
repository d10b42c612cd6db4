import type { ComponentChildren } from "preact";
import {
  readyStanding,
  serviceLevel,
  serviceStanding,
  sum,
  waitStanding,
  worst,
  type Level,
} from "../figures/level";
import { area, line } from "../figures/spark";
import type { QueueFigures } from "../wire/wire";
import { count, duration, percent } from "./format";
import { useDesk, useFigures, useNow } from "./hooks";
import { LevelMark } from "./icons";

export function FiguresPanel() {
  const { figures, history } = useFigures();
  const { queueIds } = useDesk().held.presence;
  const queues = figures ? [...figures.queues].sort(byMineThenName(queueIds)) : [];
  return (
    <section class="figures" aria-labelledby="figures-title">
      <header class="figures-head">
        <h2 id="figures-title">Queues now</h2>
        <Age />
      </header>
      {queues.length > 0 && <Totals queues={queues} />}
      {queues.map((q) => (
        <Queue key={q.queueId} queue={q} mine={queueIds.includes(q.queueId)} waiting={history.get(q.queueId) ?? []} />
      ))}
      {figures && queues.length === 0 && <p class="hint">This tenant has no queues yet. Queues are made in the directory.</p>}
      {figures && queues.length > 0 && (
        <p class="hint">Totals since epoch {figures.epoch} began. Service level: of the answered, those within the queue's target.</p>
      )}
    </section>
  );
}

function byMineThenName(mine: readonly string[]): (a: QueueFigures, b: QueueFigures) => number {
  const rank = (q: QueueFigures) => (mine.includes(q.queueId) ? 0 : 1);
  return (a, b) => rank(a) - rank(b) || (a.name || a.queueId).localeCompare(b.name || b.queueId);
}

// Whether the figures are live, and if not, why.
function Age() {
  const { figures, trouble } = useFigures();
  const now = useNow(1_000);
  if (trouble && figures) {
    return (
      <span class="tag is-late" title={trouble}>
        <LevelMark level="late" />
        {duration(now - figures.at)} old
      </span>
    );
  }
  if (trouble) {
    return (
      <span class="tag is-late" title={trouble}>
        <LevelMark level="late" />
        not available
      </span>
    );
  }
  if (!figures) return <span class="tag">asking…</span>;
  if (!figures.verified) {
    return (
      <span class="tag is-watch">
        <LevelMark level="watch" />
        being rebuilt
      </span>
    );
  }
  return (
    <span class="tag is-good">
      <LevelMark level="good" />
      live
    </span>
  );
}

function Totals({ queues }: { queues: readonly QueueFigures[] }) {
  const all = sum(queues);
  return (
    <dl class="totals">
      <Figure name="waiting">{count(all.waiting)}</Figure>
      <Figure name="longest wait">{duration(all.oldestWaitMs)}</Figure>
      <Figure name="with agents">{count(all.inHand)}</Figure>
    </dl>
  );
}

function Queue({ queue: q, mine, waiting }: { queue: QueueFigures; mine: boolean; waiting: readonly number[] }) {
  const wait = waitStanding(q);
  const ready = readyStanding(q);
  const share = serviceLevel(q);
  const service = serviceStanding(share);
  const level = worst(wait, ready);
  const word = level === wait.level ? wait.word : ready.word;
  return (
    <article class={`queue is-${level}`} data-queue={q.queueId}>
      <header>
        <h3>{q.name || q.queueId}</h3>
        {mine && <span class="mine">yours</span>}
        <span class={`tag is-${level}`}>
          <LevelMark level={level} />
          {word}
        </span>
      </header>
      <div class="queue-now">
        <dl>
          <Figure name="waiting" big>
            {count(q.waiting)}
          </Figure>
        </dl>
        <Spark values={waiting} name={q.name || q.queueId} />
        <dl>
          <Figure name="oldest" level={wait.level}>
            {q.waiting > 0 ? duration(q.oldestWaitMs) : "–"}
          </Figure>
          <Figure name="ready" level={ready.level}>
            {count(q.ready)}
          </Figure>
          <Figure name="in hand">{count(q.inHand)}</Figure>
        </dl>
      </div>
      <div class="queue-totals">
        <dl>
          <Figure name="offered">{count(q.offeredTotal)}</Figure>
          <Figure name="answered">{count(q.answeredTotal)}</Figure>
          <Figure name="abandoned">{count(q.abandonedTotal)}</Figure>
        </dl>
        <div class={`service is-${service.level}`}>
          <p>
            <span>service level</span>
            <b>
              {share !== undefined && service.level !== "good" && <LevelMark level={service.level} />}
              {share === undefined ? "–" : percent(share)}
            </b>
          </p>
          <meter min={0} max={1} low={0.6} high={0.8} optimum={1} value={share ?? 0} aria-label={`service level, ${service.word}`} />
        </div>
      </div>
    </article>
  );
}

interface FigureProps {
  readonly name: string;
  readonly children: ComponentChildren;
  readonly big?: boolean;
  readonly level?: Level;
}

function Figure({ name, children, big, level = "good" }: FigureProps) {
  return (
    <div class={`figure is-${level} ${big ? "is-big" : ""}`} data-figure={name}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const box = { width: 120, height: 30, samples: 90, least: 4 };

function Spark({ values, name }: { values: readonly number[]; name: string }) {
  return (
    <svg class="spark" viewBox={`0 -2 ${box.width} ${box.height + 4}`} preserveAspectRatio="none" role="img" aria-label={`Waiting in ${name} over the last minutes`}>
      <path class="spark-area" d={area(values, box)} />
      <path class="spark-line" d={line(values, box)} />
    </svg>
  );
}
