// Package bulk measures bulk jobs on real servers and real processes, into a downstream that is fast, slow, failing and
// healthy in turn, while pods are killed; and then holds what came about against what was asked for, item by item.
//
//	job of N agents ──▶ provisioning ──▶ stub scim (fast │ slow │ failing │ healthy)
//	urgent jobs of one ──▶    ▲ kill -9
//	calls, screens ──▶ call-routing, agent-presence
//	then: items, outcomes, directory, users ──▶ checks
//
// Beside it stands how it would be done with a consumer that makes the calls itself and waits.
package bulk
