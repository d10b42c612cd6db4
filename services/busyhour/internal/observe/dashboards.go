package observe

import (
	"encoding/json"
	"fmt"
)

// Dashboards are the files of charts/busyhour/dashboards, by name.
func Dashboards() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, d := range map[string]dashboard{
		"floor.json":          floor(),
		"call-routing.json":   routingBoard(),
		"agent-presence.json": presenceBoard(),
		"provisioning.json":   provisioningBoard(),
	} {
		text, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", name, err)
		}
		files[name] = append(text, '\n')
	}
	return files, nil
}

func board(uid, title, description, tenants string, sections ...section) dashboard {
	return dashboard{
		UID: "busyhour-" + uid, Title: "Busyhour / " + title, Description: description, Tags: []string{"busyhour"},
		SchemaVersion: 39, GraphTooltip: 1, Refresh: "10s", Time: span{"now-30m", "now"},
		Templating: templating{[]variable{
			{Name: "datasource", Label: "Prometheus", Type: "datasource", Query: "prometheus", Refresh: 1},
			{Name: "tenant", Label: "Tenant", Type: "query", Query: "label_values(" + tenants + ", tenant)", Datasource: source,
				Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, AllValue: ".*"},
		}},
		Links:  []link{{"Busyhour", "dashboards", []string{"busyhour"}, true, true, true}},
		Panels: lay(sections...),
	}
}

const (
	tenant = `tenant=~"$tenant"`
	rate   = "[$__rate_interval]"
)

// quantiles are p50 and p99 of a histogram, of classic buckets, which every Prometheus has.
func quantiles(histogram, where string) []string {
	of := func(q string) string {
		return "histogram_quantile(" + q + ", sum by (le) (rate(" + histogram + "_bucket" + where + rate + ")))"
	}
	return []string{"p50", of("0.5"), "p99", of("0.99")}
}

// floor is for those who lead the floor, and the first look of those who run it.
func floor() dashboard {
	return board("floor", "floor", "Who waits, who can answer, and whether what is shown can be trusted.", "busyhour_gate_open",
		section{"Now", 6, 4, []*panel{
			figure("Waiting", "Contacts that wait in all queues of the tenants chosen.", "short",
				"sum(max by (tenant, queue) (busyhour_routing_waiting{"+tenant+"}))").warn(10, 50),
			figure("Longest wait", "How long the one who waits longest has waited.", "s",
				"max(busyhour_routing_oldest_wait_seconds{"+tenant+"})").warn(20, 60),
			figure("Service level", "Share of the answered in the last hour that were answered within their queue's target.", "percentunit",
				serviceLevel("1h", "")).atLeast(0.7, 0.8),
			figure("Ready", "Agents who could be offered a contact, counted once for each of their queues.", "short",
				"sum(max by (tenant, queue) (busyhour_routing_ready_agents{"+tenant+"}))"),
			figure("Gate", "Open while the state of all tenants chosen is verified, in all services.", "short",
				"min(max by (service, tenant) (busyhour_gate_open{"+tenant+"}))").atLeast(0.5, 1).says("0", "closed", "red").says("1", "open", "green"),
			figure("Divergences, 24 h", "Records that differed from the log. They are healed; each is worth a look.", "short",
				"sum(increase(busyhour_divergences_total{"+tenant+"}[24h]))").warn(1, 10),
		}},
		section{"Queues", 2, 8, []*panel{
			lines("Waiting by queue", "Contacts that wait, offered ones not counted.", "short",
				"{{tenant}} {{queue}}", "max by (tenant, queue) (busyhour_routing_waiting{"+tenant+"})"),
			lines("Longest wait by queue", "How long the first in each queue has waited.", "s",
				"{{tenant}} {{queue}}", "max by (tenant, queue) (busyhour_routing_oldest_wait_seconds{"+tenant+"})").warn(20, 60),
			lines("Service level by queue", "Share of the answered that were answered within the queue's target, over half an hour.", "percentunit",
				"{{tenant}} {{queue}}", serviceLevel("30m", " by (tenant, queue)")).atLeast(0.7, 0.8),
			stacked("Contacts", "What came, and what became of it, a minute.", "short",
				"answered in time", perMinute("in_target"),
				"answered late", perMinute("answered")+" - "+perMinute("in_target"),
				"abandoned", perMinute("abandoned")),
		}},
		section{"People", 2, 8, []*panel{
			stacked("Agents by status", "Agents with a screen; who has screens on two pods counts twice.", "short",
				"{{status}}", "sum by (status) (busyhour_presence_agents{"+tenant+"})"),
			lines("Ready and in hand", "Agents ready, and contacts with an agent from offered to wrap-up, by tenant.", "short",
				"{{tenant}} ready", "sum by (tenant) (max by (tenant, queue) (busyhour_routing_ready_agents{"+tenant+"}))",
				"{{tenant}} in hand", "sum by (tenant) (max by (tenant, queue) (busyhour_routing_in_hand{"+tenant+"}))"),
			lines("Signal → card", "From a switch's signal to the write to the agent's screen.", "s", quantiles("busyhour_signal_to_card_seconds", "")...).warn(0.05, 0.1),
			lines("Offers", "What became of offers, a second. Many that time out mean screens nobody looks at.", "ops",
				"{{outcome}}", "sum by (outcome) (rate(busyhour_routing_offers_total"+rate+"))"),
		}},
		section{"Can it be trusted?", 2, 8, []*panel{
			lines("Gate by service", "1 while verified.", "short",
				"{{service}} {{tenant}}", "max by (service, tenant) (busyhour_gate_open{"+tenant+"})"),
			lines("Overdue", "How long ago the oldest deadline passed that nothing has moved. Two seconds are promised.", "s",
				"{{service}} {{tenant}}", "max by (service, tenant) (busyhour_oldest_overdue_seconds{"+tenant+"})").warn(2, 30),
			lines("Events waiting for the log", "Age of the oldest.", "s",
				"{{service}} {{tenant}}", "max by (service, tenant) (busyhour_outbox_oldest_seconds{"+tenant+"})").warn(1, 10),
			lines("Divergences by cause", "Found in ten minutes.", "short",
				"{{service}} {{tenant}} {{cause}}", "sum by (service, tenant, cause) (increase(busyhour_divergences_total{"+tenant+"}[10m])) > 0").warn(1, 10),
		}},
	)
}

// serviceLevel is the share of the answered that were answered in time. All pods count the same, so one is asked.
func serviceLevel(over, by string) string {
	of := func(result string) string {
		return "sum" + by + " (max by (tenant, queue) (increase(busyhour_routing_calls_total{" + tenant + `, result="` + result + `"}[` + over + "])))"
	}
	return of("in_target") + " / " + of("answered")
}

func perMinute(result string) string {
	return "60 * sum(max by (tenant, queue) (rate(busyhour_routing_calls_total{" + tenant + `, result="` + result + `"}` + rate + ")))"
}

func routingBoard() dashboard {
	return board("call-routing", "call-routing", "Signals in, decisions, offers and wishes out; its state and its log.", "busyhour_routing_waiting",
		section{"Rate, errors, duration", 3, 8, []*panel{
			lines("Signals", "What switches say, by what became of it.", "ops",
				"{{outcome}}", "sum by (outcome) (rate(busyhour_routing_signals_total"+rate+"))"),
			lines("Signal → offer", "From a call's arrival to the commit of its offer, where an agent was ready.", "s",
				quantiles("busyhour_routing_signal_to_offer_seconds", "")...).warn(0.02, 0.05),
			lines("Signals given back", "Tried again, failed, or turned away for want of room.", "ops",
				"tried again", "sum(rate(busyhour_routing_signal_retries_total"+rate+"))",
				"{{outcome}}", `sum by (outcome) (rate(busyhour_routing_signals_total{outcome=~"failed|no room"}`+rate+"))"),
			lines("Commands", "Acts, deadlines, withdrawals and supervisors' commands, by what became of them.", "ops",
				"{{outcome}}", "sum by (outcome) (rate(busyhour_routing_commands_total"+rate+"))"),
			lines("Contacts moved", "Changes of contacts by event.", "ops",
				"{{kind}}", "sum by (kind) (rate(busyhour_routing_moves_total"+rate+"))"),
			lines("Work that failed", "Nobody waited for it; it comes up again.", "ops",
				"{{work}}", "sum by (work) (rate(busyhour_routing_failures_total"+rate+"))"),
		}},
		section{"Matching", 3, 8, []*panel{
			lines("Tries until a match was committed", "Above one is a race with another decision.", "short",
				quantiles("busyhour_routing_match_tries", "")...),
			lines("Agents in the wrong place", "Found by sweeps; many mean lost pushes.", "ops",
				"mended", "sum(rate(busyhour_routing_ready_mended_total"+rate+"))",
				"contacts put back", "sum(rate(busyhour_routing_contacts_replaced_total"+rate+"))"),
			lines("Switches", "Streams open, and switches that lack calls.", "short",
				"streams", "sum(busyhour_routing_switch_streams)",
				"alarms {{tenant}}", "max by (tenant) (busyhour_routing_switch_alarms{"+tenant+"})"),
			lines("Inventories", "What switches say they carry, by what came of the comparison.", "ops",
				"{{outcome}}", "sum by (outcome) (rate(busyhour_routing_inventories_total"+rate+"))"),
			lines("Wishes told again", "A switch did not acknowledge what it was told.", "ops",
				"again", "sum(rate(busyhour_routing_wishes_resent_total"+rate+"))"),
			lines("Dead letters", "Records that could not be read or were refused.", "ops",
				"{{reason}}", "sum by (reason) (rate(busyhour_routing_dead_letters_total"+rate+"))"),
		}},
		core("call-routing"), consumers("call-routing"), calls(),
	)
}

func presenceBoard() dashboard {
	return board("agent-presence", "agent-presence", "Screens, pushes and presence.", "busyhour_presence_agents",
		section{"Screens", 3, 8, []*panel{
			lines("Screens", "WebSockets open, by pod.", "short", "{{instance}}", "busyhour_screens_connected"),
			lines("Frames", "Written to screens, by kind.", "ops",
				"{{kind}}", "sum by (kind) (rate(busyhour_screen_frames_total"+rate+"))"),
			lines("Refused and broken", "Log-ins refused, frames and pushes that could not be read.", "ops",
				"log-ins refused", "sum(rate(busyhour_screen_log_ins_refused_total"+rate+"))",
				"frames", "sum(rate(busyhour_screen_frames_bad_total"+rate+"))",
				"pushes", "sum(rate(busyhour_pushes_bad_total"+rate+"))"),
			lines("Signal → card", "From a switch's signal in call-routing to the write to the socket.", "s",
				quantiles("busyhour_signal_to_card_seconds", "")...).warn(0.05, 0.1),
			lines("Decision → card", "The part of it behind the commit: NATS and the write.", "s",
				quantiles("busyhour_push_delay_seconds", "")...).warn(0.02, 0.05),
			lines("Heartbeats", "One batch: a read, and the frames queued.", "s",
				quantiles("busyhour_heartbeat_batch_seconds", "")...).warn(0.1, 1),
			lines("Gaps and snapshots", "Pushes whose predecessor was missed, and snapshots after the first by cause.", "ops",
				"gaps", "sum(rate(busyhour_push_gaps_total"+rate+"))",
				"{{cause}}", "sum by (cause) (rate(busyhour_screen_resyncs_total"+rate+"))"),
			lines("Slow screens", "Queues that overflowed.", "ops", "overflows", "sum(rate(busyhour_screens_slow_total"+rate+"))"),
			lines("NATS", "Connected, and what was dropped because subscribers were slow.", "short",
				"{{connection}}", "busyhour_fanout_connected",
				"dropped a second", "sum(rate(busyhour_fanout_dropped_total"+rate+"))"),
		}},
		section{"Agents", 3, 8, []*panel{
			stacked("By status", "Agents with a screen.", "short", "{{status}}", "sum by (status) (busyhour_presence_agents{"+tenant+"})"),
			lines("By connection", "In grace: the screen is gone for the moment, or has not answered since a recovery.", "short",
				"{{connection}}", "sum by (connection) (busyhour_presence_agents{"+tenant+"})"),
			lines("Moved by nobody", "By a deadline, because a pod died, or because the directory deactivated them.", "ops",
				"{{cause}}", "sum by (cause) (rate(busyhour_presence_swept_total"+rate+"))",
				"commands {{outcome}}", "sum by (outcome) (rate(busyhour_presence_commands_total"+rate+"))"),
		}},
		core("agent-presence"), consumers("agent-presence"), calls(),
	)
}

func provisioningBoard() dashboard {
	return board("provisioning", "provisioning", "Bulk jobs, the systems behind them, and whether directory and downstream agree.", "busyhour_provisioning_pending_items",
		section{"Jobs", 3, 8, []*panel{
			lines("Items ended", "By outcome.", "ops", "{{outcome}}", "sum by (outcome) (rate(busyhour_provisioning_items_total"+rate+"))"),
			lines("Items without an outcome", "Those of paused jobs too.", "short",
				"{{tenant}}", "max by (tenant) (busyhour_provisioning_pending_items{"+tenant+"})"),
			lines("Waiting for a worker", "Or with one, by priority.", "short",
				"{{tenant}} {{priority}}", "max by (tenant, priority) (busyhour_provisioning_stream_items{"+tenant+"})"),
			lines("Oldest item", "How long it has been in the stream.", "s",
				"{{tenant}} {{priority}}", "max by (tenant, priority) (busyhour_provisioning_oldest_item_seconds{"+tenant+"})").warn(900, 3600),
			lines("Run again", "Runs without an outcome, requests taken in again after an epoch, and what passed its deadline.", "ops",
				"undecided", "sum(rate(busyhour_provisioning_undecided_runs_total"+rate+"))",
				"requeued", "sum(rate(busyhour_provisioning_requeued_total"+rate+"))",
				"overdue {{record}}", "sum by (record) (rate(busyhour_provisioning_swept_total"+rate+"))"),
			lines("Dead letters", "Requests that could not be read or may not be run.", "ops",
				"dead letters", "sum(rate(busyhour_provisioning_dead_letters_total"+rate+"))"),
		}},
		section{"Downstreams", 3, 8, []*panel{
			lines("Calls", "By status; none: no answer.", "ops",
				"{{downstream}} {{code}}", "sum by (downstream, code) (rate(busyhour_downstream_call_seconds_count"+rate+"))"),
			lines("Duration", "Of all downstreams.", "s", quantiles("busyhour_downstream_call_seconds", "")...).warn(1, 5),
			lines("Breaker", "0: calls are made; 1: one is tried; 2: none for a while.", "short",
				"{{downstream}}", "max by (downstream) (busyhour_downstream_breaker_state)").warn(1, 2),
			lines("Reconciled", "Agents compared, by what was found.", "ops",
				"{{result}}", "sum by (result) (rate(busyhour_provisioning_reconciled_total"+rate+"))"),
			lines("Not reconciled", "Agents that the last round could not repair.", "short",
				"{{tenant}}", "max by (tenant) (busyhour_provisioning_unreconciled{"+tenant+"})").warn(1, 10),
			lines("Since the last round", "Six hours by default.", "s",
				"{{tenant}}", "max by (tenant) (busyhour_provisioning_reconcile_age_seconds{"+tenant+"})").warn(43200, 86400),
			lines("SCIM requests", "Of identity providers, by status.", "ops",
				"{{method}} {{status}}", "sum by (method, status) (rate(busyhour_scim_requests_total"+rate+"))"),
		}},
		core("provisioning"), consumers("provisioning"), calls(),
	)
}

// core is what all services share: commit, log, recovery.
func core(service string) section {
	of := `{service="` + service + `"}`
	here := `{service="` + service + `", ` + tenant + `}`
	return section{"State and log", 3, 8, []*panel{
		lines("Commits", "By outcome.", "ops", "{{outcome}}", "sum by (outcome) (rate(busyhour_commit_seconds_count"+of+rate+"))"),
		lines("Commit", "Load, decide and commit, all tries together.", "s", quantiles("busyhour_commit_seconds", of)...).warn(0.02, 0.1),
		lines("Conflicts", "Tries that met somebody else's change, by kind of record.", "ops",
			"{{record}}", "sum by (record) (rate(busyhour_commit_conflicts_total"+of+rate+"))"),
		lines("Decision → topic", "From the commit of an event to Kafka's acknowledgement. 50 ms are promised.", "s",
			quantiles("busyhour_event_publish_seconds", of)...).warn(0.05, 0.25),
		lines("Kafka's acknowledgement", "p99 by topic.", "s",
			"{{topic}}", "histogram_quantile(0.99, sum by (topic, le) (rate(busyhour_eventlog_ack_seconds_bucket"+rate+")))").warn(0.05, 0.25),
		lines("Durable", "From being asked whether something is durable to the answer: what a switch waits for.", "s",
			quantiles("busyhour_durable_seconds", of)...).warn(0.05, 0.25),
		lines("Outbox", "Bytes of events that wait for the log.", "bytes",
			"{{tenant}}", "max by (tenant) (busyhour_outbox_bytes"+here+")",
			"limit", "max(busyhour_outbox_limit_bytes"+of+")"),
		lines("Log away", "How long Kafka has acknowledged nothing although events wait.", "s",
			"{{instance}}", "busyhour_log_away_seconds"+of).warn(1, 5),
		lines("Epoch", "Each step is a recovery.", "short",
			"{{tenant}}", "max by (tenant) (busyhour_gate_epoch"+here+")"),
		lines("Recovery", "The slowest of the last ten minutes, by its bucket.", "s",
			"p99", "histogram_quantile(0.99, sum by (le) (increase(busyhour_recovery_seconds_bucket"+of+"[10m])))").warn(2, 30),
		lines("Audit", "Records compared a second, and what could not be.", "ops",
			"compared", "sum(rate(busyhour_audit_compared_total"+of+rate+"))",
			"skipped: {{why}}", "sum by (why) (rate(busyhour_audit_skipped_total"+of+rate+"))"),
		lines("Compactor", "How far behind, by topic.", "s",
			"{{topic}}", "max by (topic) (busyhour_compactor_lag_seconds"+of+")").warn(5, 30),
	}}
}

// consumers is how the groups of a service keep up.
func consumers(service string) section {
	of := `{group=~"` + service + `[.].*"}`
	return section{"Consumers", 3, 8, []*panel{
		lines("Lag", "Age of the oldest record in hand.", "s",
			"{{group}} {{topic}}", "max by (group, topic) (busyhour_consumer_lag_seconds"+of+")").warn(1, 10),
		lines("Partitions", "Of each member, by topic.", "short",
			"{{instance}} {{topic}}", "busyhour_consumer_assigned_partitions"+of),
		lines("Idle members and retries", "Members without a partition; handlings that failed, a second.", "short",
			"idle in {{group}}", "sum by (group) (busyhour_consumer_idle_members"+of+")",
			"retries {{topic}}", "sum by (topic) (rate(busyhour_eventlog_retries_total"+of+rate+"))"),
	}}
}

// calls is rate, errors and duration at the edge, and the use of the process.
func calls() section {
	return section{"Edge and process (all services)", 3, 8, []*panel{
		lines("Calls", "Unary calls, by procedure.", "ops",
			"{{procedure}}", "sum by (procedure) (rate(busyhour_rpc_seconds_count"+rate+"))"),
		lines("Errors", "By code, refusals too.", "ops",
			"{{code}}", `sum by (code) (rate(busyhour_rpc_seconds_count{code!="ok"}`+rate+"))"),
		lines("Duration", "p99 by procedure.", "s",
			"{{procedure}}", "histogram_quantile(0.99, sum by (procedure, le) (rate(busyhour_rpc_seconds_bucket"+rate+")))").warn(0.1, 1),
		lines("Streams", "Open now.", "short", "{{procedure}}", "sum by (procedure) (busyhour_rpc_open_streams)"),
		lines("Connections", "Open now, WebSockets not counted.", "short", "{{instance}}", "busyhour_edge_connections"),
		lines("Waiting for Kafka", "Messages that are not acknowledged yet.", "short", "{{instance}}", "busyhour_eventlog_in_flight_messages"),
	}}
}
