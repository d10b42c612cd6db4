package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes the findings for people: all in a line each, and below what is to be done.
func Table(w io.Writer, all []Finding) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	count := map[Level]int{}
	for _, f := range all {
		count[f.Level]++
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Level, f.About, f.Check, f.Found)
		if f.Mend != "" {
			fmt.Fprintf(t, "\t\t\t→ %s\n", f.Mend)
		}
	}
	fmt.Fprintf(t, "\n%d ok, %d warn, %d fail\n", count[OK], count[Warn], count[Fail])
	return t.Flush()
}

// JSON writes them for programs; its fields are kept.
func JSON(w io.Writer, all []Finding) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Worst    Level     `json:"worst"`
		Findings []Finding `json:"findings"`
	}{Worst(all), all})
}
