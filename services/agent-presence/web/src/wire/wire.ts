// The messages that the page exchanges with Busyhour, by hand: the frames of the desktop's WebSocket, the queue figures
// and bulk jobs. wire.test.ts holds every description here against api/proto, both ways.

import { bytes, flag, list, maybe, message, oneOf, text, textMap, timestamp, uint32, uint64, type Of } from "./schema";

// Fields that the page has no use for. A new field of a .proto must be described below or named here.
export const unread: Record<string, readonly string[]> = {
  "busyhour.presence.v1.Presence": ["requestIds"],
  "busyhour.routing.v1.Contact": [
    ...["tenant", "switchId", "callId", "channel", "since", "deadline", "to", "priority", "requiredSkills", "queuedAt"],
    ...["connectedAt", "endedAt", "passes", "wanted", "legs", "signalIds", "endedBy", "attributes", "offers", "decision", "heardAt"],
  ],
  "busyhour.routing.v1.Reservation": ["workload", "offeredAt", "acceptedAt"],
  "busyhour.routing.v1.Terms": ["offerTimeoutMs", "wrapUpLimitMs", "maxWaitMs", "serviceLevelTargetMs", "retryAfterMs"],
  "busyhour.provisioning.v1.Item": ["agent", "queue", "ifRevision"],
  "busyhour.provisioning.v1.Request": ["tenant", "jobId", "number", "total", "actor", "requestedAt", "priority", "after"],
  "busyhour.provisioning.v1.Outcome": ["tenant", "jobId", "revision", "begunAt", "steps", "before"],
  "busyhour.provisioning.v1.Job": ["tenant", "digest", "changedAt"],
};

const common = "busyhour.common.v1.";
const presence = "busyhour.presence.v1.";
const routing = "busyhour.routing.v1.";
const provisioning = "busyhour.provisioning.v1.";

export const Revision = message(common + "Revision", { epoch: uint32, n: uint32 });
export const Refusal = message(common + "Refusal", {
  reason: text,
  record: text,
  revision: maybe(Revision),
  help: text,
});
export const Channel = oneOf(common + "Channel", "CHANNEL_UNSPECIFIED", "CHANNEL_VOICE", "CHANNEL_CHAT");

export const Status = oneOf(
  presence + "Status",
  "STATUS_UNSPECIFIED",
  "STATUS_OFFLINE",
  "STATUS_AVAILABLE",
  "STATUS_BUSY",
  "STATUS_BREAK",
);
export const Connection = oneOf(
  presence + "Connection",
  "CONNECTION_UNSPECIFIED",
  "CONNECTION_NONE",
  "CONNECTION_CONNECTED",
  "CONNECTION_GRACE",
);
export const Screen = message(presence + "Screen", { id: text, pod: text, since: timestamp });
export const Presence = message(presence + "Presence", {
  agentId: text,
  tenant: text,
  status: Status,
  reason: text,
  since: timestamp,
  connection: Connection,
  connectionSince: timestamp,
  deadline: timestamp,
  screens: list(Screen),
  queueIds: list(text),
  at: timestamp,
});

export const ContactState = oneOf(
  routing + "ContactState",
  "CONTACT_STATE_UNSPECIFIED",
  "CONTACT_STATE_QUEUED",
  "CONTACT_STATE_OFFERED",
  "CONTACT_STATE_CONNECTING",
  "CONTACT_STATE_CONNECTED",
  "CONTACT_STATE_HELD",
  "CONTACT_STATE_WRAP_UP",
  "CONTACT_STATE_COMPLETED",
  "CONTACT_STATE_ABANDONED",
  "CONTACT_STATE_OVERFLOWED",
  "CONTACT_STATE_FAILED",
  "CONTACT_STATE_LOST",
);
export const Card = message(routing + "Card", {
  contactId: text,
  state: ContactState,
  since: timestamp,
  deadline: timestamp,
  queueId: text,
  queueName: text,
  channel: Channel,
  from: text,
  to: text,
  queuedAt: timestamp,
  attributes: textMap,
  revision: Revision,
  connectedAt: timestamp,
});
export const Workload = message(routing + "Workload", {
  agentId: text,
  cards: list(Card),
  idleSince: timestamp,
  at: timestamp,
  queueIds: list(text),
});
export const Action = oneOf(
  routing + "ActRequest.Action",
  "ACTION_UNSPECIFIED",
  "ACTION_ACCEPT",
  "ACTION_DECLINE",
  "ACTION_HOLD",
  "ACTION_RESUME",
  "ACTION_END",
  "ACTION_COMPLETE",
);

// What the screen sends.
export const LogIn = message(presence + "LogIn", { tenant: text, agentId: text, screenId: text, token: text });
export const LogOut = message(presence + "LogOut", {});
export const SetStatus = message(presence + "SetStatus", { status: Status, reason: text });
export const Act = message(presence + "Act", { contactId: text, action: Action });
export const Resync = message(presence + "Resync", {});
export const Pong = message(presence + "Pong", {});
export const Renew = message(presence + "Renew", { token: text });
export const ClientFrame = message(presence + "ClientFrame", {
  requestId: text,
  logIn: maybe(LogIn),
  logOut: maybe(LogOut),
  setStatus: maybe(SetStatus),
  act: maybe(Act),
  resync: maybe(Resync),
  pong: maybe(Pong),
  renew: maybe(Renew),
});

// What the server sends.
export const Snapshot = message(presence + "Snapshot", {
  screenId: text,
  presence: Presence,
  presenceRevision: Revision,
  workload: Workload,
  workloadRevision: Revision,
  now: timestamp,
  verified: flag,
  agentName: text,
});
export const WorkloadChanged = message(presence + "WorkloadChanged", {
  revision: Revision,
  previous: Revision,
  changed: list(Card),
  removed: list(text),
});
export const PresenceChanged = message(presence + "PresenceChanged", {
  revision: Revision,
  previous: Revision,
  presence: Presence,
});
export const ServerHeartbeat = message(presence + "ServerHeartbeat", {
  now: timestamp,
  workloadRevision: Revision,
  presenceRevision: Revision,
  verified: flag,
});
export const Done = message(presence + "Done", { requestId: text });
export const Refused = message(presence + "Refused", { requestId: text, refusal: Refusal, message: text });
export const Going = message(presence + "Going", { reconnectAfterMs: uint32 });
export const Verification = message(presence + "Verification", { verified: flag, phase: text, read: uint64, total: uint64 });
export const ServerFrame = message(presence + "ServerFrame", {
  snapshot: maybe(Snapshot),
  workloadChanged: maybe(WorkloadChanged),
  presenceChanged: maybe(PresenceChanged),
  heartbeat: maybe(ServerHeartbeat),
  done: maybe(Done),
  refused: maybe(Refused),
  going: maybe(Going),
  verification: maybe(Verification),
});

export const QueueFigures = message(routing + "QueueFigures", {
  queueId: text,
  name: text,
  waiting: uint32,
  oldestWaitMs: uint64,
  ready: uint32,
  inHand: uint32,
  offeredTotal: uint64,
  answeredTotal: uint64,
  abandonedTotal: uint64,
  answeredInTargetTotal: uint64,
});
export const GetQueueFiguresRequest = message(routing + "GetQueueFiguresRequest", { tenant: text });
export const GetQueueFiguresResponse = message(routing + "GetQueueFiguresResponse", {
  queues: list(QueueFigures),
  at: timestamp,
  verified: flag,
  epoch: uint32,
});

// What a supervisor sees of live calls, and how one is closed.
export const Reservation = message(routing + "Reservation", { agentId: text });
export const Terms = message(routing + "Terms", { queueName: text });
export const Contact = message(routing + "Contact", {
  id: text,
  queueId: text,
  state: ContactState,
  from: text,
  createdAt: timestamp,
  reservation: maybe(Reservation),
  terms: maybe(Terms),
});
export const ListContactsRequest = message(routing + "ListContactsRequest", {
  tenant: text,
  queueId: text,
  pageSize: uint32,
  pageToken: text,
});
export const ListContactsResponse = message(routing + "ListContactsResponse", {
  contacts: list(Contact),
  nextPageToken: text,
});
export const CloseOutcome = oneOf(
  routing + "CloseContactResponse.Outcome",
  "OUTCOME_UNSPECIFIED",
  "OUTCOME_CLOSED",
  "OUTCOME_ENDED_BEFORE",
  "OUTCOME_CARD_DROPPED",
);
export const CloseContactRequest = message(routing + "CloseContactRequest", {
  tenant: text,
  contactId: text,
  reason: text,
  agentId: text,
});
export const CloseContactResponse = message(routing + "CloseContactResponse", {
  contact: maybe(Contact),
  revision: Revision,
  outcome: CloseOutcome,
});

// Bulk jobs, as an administrator sees and steers them.
export const Priority = oneOf(
  provisioning + "Priority",
  "PRIORITY_UNSPECIFIED",
  "PRIORITY_BULK",
  "PRIORITY_NORMAL",
  "PRIORITY_URGENT",
);
export const ItemOutcome = oneOf(
  provisioning + "ItemOutcome",
  "ITEM_OUTCOME_UNSPECIFIED",
  "ITEM_OUTCOME_PENDING",
  "ITEM_OUTCOME_APPLIED",
  "ITEM_OUTCOME_FAILED",
  "ITEM_OUTCOME_CANCELLED",
);
export const ItemKind = oneOf(
  provisioning + "Item.Kind",
  "KIND_UNSPECIFIED",
  "KIND_UPSERT_AGENT",
  "KIND_DELETE_AGENT",
  "KIND_CREATE_AGENT",
  "KIND_UPDATE_AGENT",
  "KIND_DEACTIVATE_AGENT",
  "KIND_ACTIVATE_AGENT",
  "KIND_SET_SKILLS",
  "KIND_REMOVE_SKILLS",
  "KIND_UPSERT_QUEUE",
  "KIND_DELETE_QUEUE",
  "KIND_CREATE_QUEUE",
  "KIND_UPDATE_QUEUE",
  "KIND_JOIN_QUEUES",
  "KIND_LEAVE_QUEUES",
);
export const Item = message(provisioning + "Item", { kind: ItemKind });
export const ItemRequest = message(provisioning + "Request", { item: maybe(Item), after: uint32 });
export const Outcome = message(provisioning + "Outcome", {
  number: uint32,
  agentId: text,
  outcome: ItemOutcome,
  reason: text,
  at: timestamp,
  attempts: uint32,
  request: maybe(ItemRequest),
  entity: text,
  note: text,
});
export const JobFile = message(provisioning + "File", { name: text, sha256: bytes, bytes: uint64 });
export const Job = message(provisioning + "Job", {
  id: text,
  requestId: text,
  actor: text,
  createdAt: timestamp,
  total: uint32,
  applied: uint32,
  failed: uint32,
  pending: uint32,
  acceptedAt: timestamp,
  cancelled: uint32,
  priority: Priority,
  pausedAt: timestamp,
  cancelledAt: timestamp,
  changedBy: text,
  file: maybe(JobFile),
  retryOf: text,
  unsettled: flag,
  changedAt: timestamp,
});
export const LineError = message(provisioning + "LineError", { line: uint32, column: text, problem: text });
export const ImportAgentsRequest = message(provisioning + "ImportAgentsRequest", {
  tenant: text,
  requestId: text,
  csv: bytes,
  actor: text,
  dryRun: flag,
  priority: Priority,
  fileName: text,
});
export const ImportAgentsResponse = message(provisioning + "ImportAgentsResponse", {
  job: maybe(Job),
  errors: list(LineError),
  errorCount: uint32,
  lines: uint32,
  summary: text,
});
export const GetJobRequest = message(provisioning + "GetJobRequest", { tenant: text, id: text });
export const GetJobResponse = message(provisioning + "GetJobResponse", { job: Job, verified: flag });
export const ListJobsRequest = message(provisioning + "ListJobsRequest", { tenant: text, pageSize: uint32, pageToken: text });
export const ListJobsResponse = message(provisioning + "ListJobsResponse", {
  jobs: list(Job),
  nextPageToken: text,
  verified: flag,
});
export const PauseJobRequest = message(provisioning + "PauseJobRequest", { tenant: text, id: text, actor: text });
export const PauseJobResponse = message(provisioning + "PauseJobResponse", { job: Job });
export const ResumeJobRequest = message(provisioning + "ResumeJobRequest", { tenant: text, id: text, actor: text });
export const ResumeJobResponse = message(provisioning + "ResumeJobResponse", { job: Job });
export const CancelJobRequest = message(provisioning + "CancelJobRequest", { tenant: text, id: text, actor: text });
export const CancelJobResponse = message(provisioning + "CancelJobResponse", { job: Job });
export const RetryJobRequest = message(provisioning + "RetryJobRequest", {
  tenant: text,
  id: text,
  requestId: text,
  actor: text,
  priority: Priority,
});
export const RetryJobResponse = message(provisioning + "RetryJobResponse", { job: Job });
export const ListOutcomesRequest = message(provisioning + "ListOutcomesRequest", {
  tenant: text,
  jobId: text,
  pageSize: uint32,
  pageToken: text,
  outcome: ItemOutcome,
});
export const ListOutcomesResponse = message(provisioning + "ListOutcomesResponse", {
  outcomes: list(Outcome),
  nextPageToken: text,
  verified: flag,
});

export type Revision = Of<typeof Revision>;
export type Refusal = Of<typeof Refusal>;
export type Status = Of<typeof Status>;
export type Presence = Of<typeof Presence>;
export type ContactState = Of<typeof ContactState>;
export type Card = Of<typeof Card>;
export type Action = Of<typeof Action>;
export type LogIn = Of<typeof LogIn>;
export type SetStatus = Of<typeof SetStatus>;
export type Act = Of<typeof Act>;
export type Snapshot = Of<typeof Snapshot>;
export type WorkloadChanged = Of<typeof WorkloadChanged>;
export type PresenceChanged = Of<typeof PresenceChanged>;
export type ServerHeartbeat = Of<typeof ServerHeartbeat>;
export type Refused = Of<typeof Refused>;
export type Verification = Of<typeof Verification>;
export type ServerFrame = Of<typeof ServerFrame>;
export type QueueFigures = Of<typeof QueueFigures>;
export type Contact = Of<typeof Contact>;
export type ListContactsResponse = Of<typeof ListContactsResponse>;
export type CloseOutcome = Of<typeof CloseOutcome>;
export type Priority = Of<typeof Priority>;
export type ItemOutcome = Of<typeof ItemOutcome>;
export type ItemKind = Of<typeof ItemKind>;
export type Outcome = Of<typeof Outcome>;
export type Job = Of<typeof Job>;
export type LineError = Of<typeof LineError>;
export type ImportAgentsRequest = Of<typeof ImportAgentsRequest>;
export type ImportAgentsResponse = Of<typeof ImportAgentsResponse>;
export type GetJobResponse = Of<typeof GetJobResponse>;
export type ListJobsResponse = Of<typeof ListJobsResponse>;
export type ListOutcomesResponse = Of<typeof ListOutcomesResponse>;
export type Figures = Of<typeof GetQueueFiguresResponse>;

// One arm of a ClientFrame.
export type Sent =
  | { logIn: LogIn }
  | { logOut: Record<string, never> }
  | { setStatus: SetStatus }
  | { act: Act }
  | { resync: Record<string, never> }
  | { pong: Record<string, never> }
  | { renew: { token: string } };
