package access

import (
	"slices"

	"github.com/busyhour/busyhour/api/gen/busyhour/presence/v1/presencev1connect"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
)

type roles = []string

// Routing are the rows of call-routing.
var Routing = []Rule{
	// A switch says in its hello of which tenant it is; signals of another are refused one by one.
	{Route: routingv1connect.SignalingServiceConnectProcedure, Roles: roles{Switch}, Tenant: "hello.tenant"},

	{Route: routingv1connect.RoutingServiceActProcedure, Roles: roles{Admin, Service}, Self: roles{Agent}, Tenant: "tenant", Agent: "agent_id"},
	{Route: routingv1connect.RoutingServiceGetWorkloadProcedure, Roles: roles{Supervisor, Admin, Service}, Self: roles{Agent}, Tenant: "tenant", Agent: "agent_id"},
	{Route: routingv1connect.RoutingServiceGetContactProcedure, Roles: roles{Supervisor, Admin, Service}, Tenant: "tenant"},
	{Route: routingv1connect.RoutingServiceListContactsProcedure, Roles: roles{Supervisor, Admin, Service}, Tenant: "tenant"},
	// The figures of all queues stand on every agent's screen.
	{Route: routingv1connect.RoutingServiceGetQueueFiguresProcedure, Roles: roles{Agent, Supervisor, Admin, Service}, Tenant: "tenant"},
	{Route: routingv1connect.RoutingServiceWatchQueueFiguresProcedure, Roles: roles{Agent, Supervisor, Admin, Service}, Tenant: "tenant"},
	{Route: routingv1connect.RoutingServiceCloseContactProcedure, Roles: roles{Supervisor, Admin}, Tenant: "tenant"},
	{Route: routingv1connect.RoutingServiceListSwitchesProcedure, Roles: roles{Supervisor, Admin, Service}, Tenant: "tenant"},
	// It declares calls lost by the hundred.
	{Route: routingv1connect.RoutingServiceReapSwitchProcedure, Roles: roles{Admin}, Tenant: "tenant"},
}

// Presence are the rows of agent-presence.
var Presence = []Rule{
	{Route: presencev1connect.PresenceServiceSetProcedure, Roles: roles{Supervisor, Admin, Service}, Self: roles{Agent}, Tenant: "tenant", Agent: "agent_id"},
	{Route: presencev1connect.PresenceServiceGetProcedure, Roles: roles{Supervisor, Admin, Service}, Self: roles{Agent}, Tenant: "tenant", Agent: "agent_id"},
	{Route: presencev1connect.PresenceServiceWatchProcedure, Roles: roles{Supervisor, Admin, Service}, Self: roles{Agent}, Tenant: "tenant", Agent: "agent_ids"},

	// The screen of an agent. Its first frame, LogIn, has the names and the token: browsers cannot send headers with a WebSocket.
	{Route: "/ws/desktop", Roles: roles{Admin}, Self: roles{Agent}, Tenant: "tenant", Agent: "agent_id", Within: true},
	{Route: "/auth/config", Roles: roles{Anyone}},
	{Route: "/", Roles: roles{Anyone}},
}

// PassedOn are what agent-presence passes on to other services, so that the page has one origin. They decide, by the token
// that goes along.
var PassedOn = []Rule{
	{Route: "/" + routingv1connect.RoutingServiceName + "/", Roles: roles{Anyone}},
	{Route: "/" + provisioningv1connect.DirectoryServiceName + "/", Roles: roles{Anyone}},
	{Route: "/" + provisioningv1connect.JobServiceName + "/", Roles: roles{Anyone}},
}

// Provisioning are the rows of provisioning.
var Provisioning = []Rule{
	{Route: provisioningv1connect.DirectoryServiceCreateAgentProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.DirectoryServiceUpdateAgentProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.DirectoryServiceDeleteAgentProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.DirectoryServiceGetAgentProcedure, Roles: roles{Supervisor, Admin, Service}, Self: roles{Agent}, Tenant: "tenant", Agent: "id"},
	{Route: provisioningv1connect.DirectoryServiceListAgentsProcedure, Roles: roles{Supervisor, Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.DirectoryServiceCreateQueueProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.DirectoryServiceUpdateQueueProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.DirectoryServiceDeleteQueueProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.DirectoryServiceGetQueueProcedure, Roles: roles{Supervisor, Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.DirectoryServiceListQueuesProcedure, Roles: roles{Supervisor, Admin, Service}, Tenant: "tenant"},

	{Route: provisioningv1connect.JobServiceCreateJobProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.JobServiceImportAgentsProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.JobServiceUploadJobProcedure, Roles: roles{Admin, Service}, Tenant: "header.tenant"},
	{Route: provisioningv1connect.JobServiceGetJobProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.JobServiceListJobsProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.JobServicePauseJobProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.JobServiceResumeJobProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.JobServiceCancelJobProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.JobServiceRetryJobProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.JobServiceListOutcomesProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},

	{Route: provisioningv1connect.ReconcileServiceReconcileProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},
	{Route: provisioningv1connect.ReconcileServiceGetReconciliationProcedure, Roles: roles{Admin, Service}, Tenant: "tenant"},

	// Identity providers. A token of scim.token is taken beside the others.
	{Route: "/scim/v2/{tenant}/", Roles: roles{Admin, Service}, Tenant: "{tenant}", Within: true},
}

// Common are the rows of what every service has.
var Common = []Rule{
	{Route: "/grpc.health.v1.Health/Check", Roles: roles{Anyone}},
	{Route: "/grpc.health.v1.Health/Watch", Roles: roles{Anyone}},
	{Route: "/grpc.health.v1.Health/List", Roles: roles{Anyone}},
	{Route: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Roles: All},
	{Route: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Roles: All},
}

// Table is all rows.
func Table() []Rule { return slices.Concat(Routing, Presence, PassedOn, Provisioning, Common) }
