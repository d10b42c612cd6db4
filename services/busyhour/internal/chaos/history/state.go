package history

// Event is one Kafka record of an events topic or of an epoch topic. Record them while the run goes on, all partitions
// from their beginnings: the moment at which an event is read is the latest at which it can have happened.
type Event struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Key       string `json:"key"`
	Type      string `json:"type"`
	Tenant    string `json:"tenant,omitempty"`
	// Record's name, its revision after the event, and the operation that made it.
	Record   string   `json:"record,omitempty"`
	Revision Revision `json:"revision,omitzero"`
	Op       string   `json:"op,omitempty"`
	// Time in the event: Redis' clock when the command was loaded.
	Time Moment `json:"time,omitempty"`
	// Content is a hash of the whole payload, Value of the record that it carries, as Stored.Value.
	Content string `json:"content,omitempty"`
	Value   string `json:"value,omitempty"`
	// Contact or Presence in it, if it carries one.
	Contact  *Contact  `json:"contact,omitempty"`
	Presence *Presence `json:"presence,omitempty"`
	// Marker, if it is one.
	Marker *Marker `json:"marker,omitempty"`
	// Gap: it is about no record, but says that history is missing.
	Gap bool `json:"gap,omitempty"`
	// Unreadable says what was wrong with it.
	Unreadable string `json:"unreadable,omitempty"`
}

// Marker ends the reigns before its epoch for its tenants, from its offset on. Whether an event is void follows from the
// markers before it in its partition; check works that out for itself.
type Marker struct {
	Tenants []string `json:"tenants"`
	Epoch   uint32   `json:"epoch"`
	Nonce   string   `json:"nonce"`
}

// Contact is what checks need of a contact. States, channels and the like are in small letters: "wrap-up", "voice".
type Contact struct {
	ID      string `json:"id"`
	Call    string `json:"call"`
	Switch  string `json:"switch"`
	Queue   string `json:"queue"`
	Channel string `json:"channel,omitempty"`
	State   string `json:"state"`
	// Kind of the event; empty in a stored record.
	Kind string `json:"kind,omitempty"`
	// Agent who holds it, and the workload revision that the reservation made.
	Agent    string   `json:"agent,omitempty"`
	Workload Revision `json:"workload,omitzero"`
	Legs     []Leg    `json:"legs,omitempty"`
	IDs      []string `json:"ids,omitempty"`
	// Passed names who declined or missed it; Chosen who had it last.
	Passed []string `json:"passed,omitempty"`
	Chosen string   `json:"chosen,omitempty"`
}

// Leg says which signals of a call leg are applied: the last number, and a window below it.
type Leg struct {
	ID     string `json:"id,omitempty"`
	Last   uint64 `json:"last"`
	Window uint64 `json:"window"`
}

// Presence is what checks need of a presence.
type Presence struct {
	Agent      string `json:"agent"`
	Status     string `json:"status"`
	Connection string `json:"connection,omitempty"`
}

// Stored is a record as Redis holds it at the end.
type Stored struct {
	Tenant   string   `json:"tenant"`
	Service  string   `json:"service"`
	Epoch    uint32   `json:"epoch"` // of the namespace
	Name     string   `json:"name"`
	Revision Revision `json:"revision"`
	Op       string   `json:"op,omitempty"`
	// Value is a hash of what it holds, less what a recovery changes without an event.
	Value    string    `json:"value"`
	Contact  *Contact  `json:"contact,omitempty"`
	Presence *Presence `json:"presence,omitempty"`
	// Cards of a workload record.
	Cards []Card `json:"cards,omitempty"`
	// Open outbox entries.
	Open       int    `json:"open,omitempty"`
	Unreadable string `json:"unreadable,omitempty"`
}

// Index is a sorted set as Redis holds it at the end.
type Index struct {
	Tenant  string   `json:"tenant"`
	Service string   `json:"service"`
	Epoch   uint32   `json:"epoch"`
	Name    string   `json:"name"` // for instance "waiting:sales"
	Members []string `json:"members"`
}

// Mark is what Redis says of a tenant's state at the end.
type Mark struct {
	Tenant  string `json:"tenant"`
	Service string `json:"service"`
	Epoch   uint32 `json:"epoch"`
	Open    bool   `json:"open"`
}
