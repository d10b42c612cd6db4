package provision

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Export writes outcomes as CSV. Cells are safe to open in a spreadsheet: what would be taken for a formula there is
// quoted, as OWASP advises against CSV injection.
type Export struct{ csv *csv.Writer }

// NewExport writes the heading.
func NewExport(w io.Writer) (*Export, error) {
	e := &Export{csv.NewWriter(w)}
	return e, e.csv.Write([]string{"number", "agent", "outcome", "reason", "attempts", "at", "entity", "note"})
}

// Write writes one outcome.
func (e *Export) Write(o *provisioningv1.Outcome) error {
	at := ""
	if o.At != nil {
		at = o.At.AsTime().Format(time.RFC3339)
	}
	return e.csv.Write([]string{
		strconv.FormatUint(uint64(o.Number), 10), harmless(o.AgentId), Word(o.Outcome), harmless(o.Reason), strconv.FormatUint(uint64(o.Attempts), 10), at,
		harmless(entity(o)), harmless(o.Note),
	})
}

// Flush writes what is buffered, and says what went wrong.
func (e *Export) Flush() error {
	e.csv.Flush()
	return e.csv.Error()
}

// harmless keeps a spreadsheet from taking a cell for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
