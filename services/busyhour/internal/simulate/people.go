package simulate

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
)

// People are queues and agents that should be in the directory.
type People struct {
	Tenant string
	Queues []*provisioningv1.Queue
	Agents []*provisioningv1.Agent
	// Keep leaves what is there already as it is.
	Keep bool
}

// fewAgents are made one by one.
const fewAgents = 50

// Ensure brings the directory to what it should be, and returns how many agents it had to write. Many agents go as a
// bulk job.
func (c *Clients) Ensure(ctx context.Context, p People) (written int, err error) {
	for _, q := range p.Queues {
		if err := c.ensureQueue(ctx, p.Tenant, q, p.Keep); err != nil {
			return 0, fmt.Errorf("queue %s of tenant %s: %w", q.Id, p.Tenant, err)
		}
	}
	known, err := c.agents(ctx, p.Tenant)
	if err != nil {
		return 0, fmt.Errorf("list the agents of tenant %s: %w", p.Tenant, err)
	}
	var items []*provisioningv1.Item
	for _, a := range p.Agents {
		is, ok := known[a.Id]
		if ok && p.Keep || proto.Equal(is, a) {
			continue
		}
		if !ok && len(p.Agents) <= fewAgents {
			if err := c.createAgent(ctx, p.Tenant, a); err != nil {
				return written, fmt.Errorf("agent %s of tenant %s: %w", a.Id, p.Tenant, err)
			}
			written++
			continue
		}
		items = append(items, &provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: a})
	}
	for from := 0; from < len(items); from += 10_000 {
		if err := c.runJob(ctx, p.Tenant, items[from:min(from+10_000, len(items))]); err != nil {
			return written, err
		}
	}
	return written + len(items), nil
}

func (c *Clients) createAgent(ctx context.Context, tenant string, a *provisioningv1.Agent) error {
	_, err := ask(ctx, c.Directory, provisioningv1connect.DirectoryServiceClient.CreateAgent, &provisioningv1.CreateAgentRequest{Tenant: tenant, Agent: a})
	if connect.CodeOf(err) == connect.CodeAlreadyExists {
		return nil // somebody was first
	}
	return err
}

func (c *Clients) ensureQueue(ctx context.Context, tenant string, q *provisioningv1.Queue, keep bool) error {
	got, err := ask(ctx, c.Directory, provisioningv1connect.DirectoryServiceClient.GetQueue, &provisioningv1.GetQueueRequest{Tenant: tenant, Id: q.Id})
	switch {
	case connect.CodeOf(err) == connect.CodeNotFound:
		_, err = ask(ctx, c.Directory, provisioningv1connect.DirectoryServiceClient.CreateQueue, &provisioningv1.CreateQueueRequest{Tenant: tenant, Queue: q})
		if connect.CodeOf(err) == connect.CodeAlreadyExists {
			return nil // somebody was first
		}
		return err
	case err != nil:
		return err
	case keep || proto.Equal(got.Queue, q):
		return nil
	}
	_, err = ask(ctx, c.Directory, provisioningv1connect.DirectoryServiceClient.UpdateQueue, &provisioningv1.UpdateQueueRequest{Tenant: tenant, Queue: q})
	return err
}

func (c *Clients) agents(ctx context.Context, tenant string) (map[string]*provisioningv1.Agent, error) {
	known := map[string]*provisioningv1.Agent{}
	for token := ""; ; {
		page, err := ask(ctx, c.Directory, provisioningv1connect.DirectoryServiceClient.ListAgents, &provisioningv1.ListAgentsRequest{Tenant: tenant, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, a := range page.Agents {
			known[a.Id] = a
		}
		if token = page.NextPageToken; token == "" {
			return known, nil
		}
	}
}

// runJob runs a bulk job to its end.
func (c *Clients) runJob(ctx context.Context, tenant string, items []*provisioningv1.Item) error {
	created, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.CreateJob, &provisioningv1.CreateJobRequest{Tenant: tenant, RequestId: "simulate-" + newID(), Items: items, Actor: "simulate"})
	if err != nil {
		return fmt.Errorf("create a job of %d agents for tenant %s: %w", len(items), tenant, err)
	}
	return c.awaitJob(ctx, tenant, created.Job.Id)
}

// awaitJob asks until no item is pending.
func (c *Clients) awaitJob(ctx context.Context, tenant, id string) error {
	for {
		job, _, err := c.Job(ctx, tenant, id)
		if err != nil {
			return err
		}
		if job.Failed > 0 && job.Pending == 0 {
			return fmt.Errorf("job %s of tenant %s: %d of %d items failed, for instance: %s", id, tenant, job.Failed, job.Total, c.firstFailure(ctx, tenant, id))
		}
		if job.Pending == 0 {
			return nil
		}
		if Wait(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("job %s of tenant %s: %d of %d items are still pending: %w", id, tenant, job.Pending, job.Total, ctx.Err())
		}
	}
}

func (c *Clients) firstFailure(ctx context.Context, tenant, job string) string {
	said := "no outcome says so"
	err := c.Outcomes(ctx, tenant, job, provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED, func(o *provisioningv1.Outcome) bool {
		said = o.AgentId + ": " + o.Reason
		return false
	})
	if err != nil {
		return err.Error()
	}
	return said
}
