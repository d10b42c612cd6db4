package command

import (
	"context"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/reconcile"
)

// Reconcile is ReconcileService.
type Reconcile struct{ reconciler *reconcile.Reconciler }

// NewReconcile makes a Reconcile.
func NewReconcile(r *reconcile.Reconciler) *Reconcile { return &Reconcile{r} }

// Reconcile begins a round.
func (r *Reconcile) Reconcile(ctx context.Context, req *connect.Request[provisioningv1.ReconcileRequest]) (*connect.Response[provisioningv1.ReconcileResponse], error) {
	m := req.Msg
	report, err := r.reconciler.Ask(ctx, reconcile.Wish{Tenant: m.GetTenant(), Actor: actorOf(ctx, m.GetActor()), DryRun: m.GetDryRun(), Agent: m.GetAgentId()})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.ReconcileResponse{Reconciliation: report}), nil
}

// GetReconciliation reads the report of a tenant.
func (r *Reconcile) GetReconciliation(ctx context.Context, req *connect.Request[provisioningv1.GetReconciliationRequest]) (*connect.Response[provisioningv1.GetReconciliationResponse], error) {
	report, verified, err := r.reconciler.Report(ctx, req.Msg.GetTenant())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.GetReconciliationResponse{Reconciliation: report, Verified: verified}), nil
}
