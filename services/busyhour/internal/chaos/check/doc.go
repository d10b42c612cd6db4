// Package check judges the history of a chaos run. Each check is a pure function from a history to findings; a finding
// names the tenant, the record, the revision and the place in the log. What cannot be told from the history is no finding:
// it is counted as not judged, and the report says so.
package check
