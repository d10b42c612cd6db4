package state

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
)

// ReconciliationIn is the report in a record; nil if there is none.
func ReconciliationIn(r *commit.Record) (*provisioningv1.Reconciliation, error) {
	if !r.Exists() {
		return nil, nil
	}
	report := &provisioningv1.Reconciliation{}
	return report, decode(r, report)
}

// PutReconciliation puts a report into the commit, without an event: it dies with the epoch.
func PutReconciliation(tx *commit.Tx, r *commit.Record, report *provisioningv1.Reconciliation) error {
	value, err := proto.Marshal(report)
	if err != nil {
		return fmt.Errorf("encode %s: %w", r.Name, err)
	}
	tx.Put(r, value, nil)
	return nil
}
