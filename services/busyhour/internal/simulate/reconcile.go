package simulate

import (
	"context"
	"fmt"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
)

// Reconcile asks for a round of the reconciler, and gives its report as it begins; of a single agent, as it ends.
func (c *Clients) Reconcile(ctx context.Context, r *provisioningv1.ReconcileRequest) (*provisioningv1.Reconciliation, error) {
	answer, err := ask(ctx, c.Reconciler, provisioningv1connect.ReconcileServiceClient.Reconcile, r)
	if err != nil {
		return nil, fmt.Errorf("reconcile the agents of tenant %s: %w", r.GetTenant(), err)
	}
	return answer.Reconciliation, nil
}

// Reconciliation reads the report of the round under way, or of the last one. verified is false while the state is rebuilt.
func (c *Clients) Reconciliation(ctx context.Context, tenant string) (r *provisioningv1.Reconciliation, verified bool, err error) {
	answer, err := ask(ctx, c.Reconciler, provisioningv1connect.ReconcileServiceClient.GetReconciliation, &provisioningv1.GetReconciliationRequest{Tenant: tenant})
	if err != nil {
		return nil, false, fmt.Errorf("report on the agents of tenant %s: %w", tenant, err)
	}
	return answer.Reconciliation, answer.Verified, nil
}
