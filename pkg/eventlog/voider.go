package eventlog

// Voider tells which messages of a partition count for nothing. It must be given every message of the partition, in
// order. The zero value is ready, for one partition and one goroutine.
type Voider struct {
	fence map[string]uint32 // by tenant: the highest epoch that a marker named so far
}

// Void says whether a message is no event that counts: it is a marker, or an event of an epoch that a marker before it
// has ended. Messages that name no tenant or no revision are not void; what to make of them is the reader's to say.
func (v *Voider) Void(m Message) bool {
	marker, ok, err := ParseMarker(m)
	if ok {
		if err == nil {
			v.heed(marker)
		}
		return true
	}
	fence, fenced := v.fence[m.Header(HeaderTenant)]
	if !fenced {
		return false
	}
	epoch, _, err := revisionOf(&m)
	return err == nil && epoch < fence
}

func (v *Voider) heed(m Marker) {
	if v.fence == nil {
		v.fence = map[string]uint32{}
	}
	for _, tenant := range m.Tenants {
		v.fence[tenant] = max(v.fence[tenant], m.Epoch)
	}
}
