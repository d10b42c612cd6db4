package job

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// Limits of one file.
const (
	MaxBytes = 3 << 20
	MaxLines = 10_000
)

// Import is what a file says: an agent for each good line, and everything that is wrong with the others.
type Import struct {
	Agents []*provisioningv1.Agent
	// Lines[i] is the line that Agents[i] stands on; the heading is line 1.
	Lines []int
	// Read counts the lines with an agent on them, good or bad.
	Read   int
	Errors []*provisioningv1.LineError
}

// Items of the import: each agent is created, or replaced.
func (im *Import) Items() []*provisioningv1.Item {
	items := make([]*provisioningv1.Item, len(im.Agents))
	for i, a := range im.Agents {
		items[i] = &provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: a}
	}
	return items
}

// Says what becomes of the lines, in words.
func (im *Import) Says(dryRun bool) string {
	bad := map[uint32]bool{}
	for _, e := range im.Errors {
		bad[e.GetLine()] = true
	}
	switch {
	case len(bad) > 0:
		return fmt.Sprintf("%d lines are bad, so none of the %d was taken: correct them and send the whole file again", len(bad), im.Read)
	case dryRun:
		return fmt.Sprintf("all %d lines are good; none was taken, for this was a dry run", im.Read)
	}
	return fmt.Sprintf("all %d lines were taken", im.Read)
}

// Refuse notes a problem of the agent at index i that only the directory knows of.
func (im *Import) Refuse(i int, p directory.Problem) { im.bad(im.Lines[i], p.Field, p.Text) }

func (im *Import) bad(line int, column, problem string, args ...any) {
	if len(args) > 0 {
		problem = fmt.Sprintf(problem, args...)
	}
	im.Errors = append(im.Errors, &provisioningv1.LineError{Line: uint32(line), Column: column, Problem: problem})
}

// ReadCSV reads a file of agents: a heading line that names the columns, in any order, and a line for each agent.
// It reads on after an error, so that all bad lines are named at once.
//
//	id,name,skills,queues,capacity,address
//	ann,Ann Lee,english:80;sales:50,support;sales,voice=1;chat=3,1001
func ReadCSV(data []byte) *Import {
	im := &Import{}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > MaxBytes:
		im.bad(1, "", "the file has %d bytes, at most %d are taken: split it", len(data), MaxBytes)
		return im
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		im.bad(1, "", "the file is UTF-16: save it as UTF-8")
		return im
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1 // counted by line, with a better word for it
	r.ReuseRecord = true
	heading, err := r.Read()
	if err != nil {
		im.bad(1, "", "there is no heading: the first line must name the columns, %s", strings.Join(columns[:], ","))
		return im
	}
	reader := lineReader{im: im, csv: r, first: map[string]int{}}
	if reader.heading(heading) {
		reader.lines()
	}
	return im
}

var columns = [...]string{"id", "name", "skills", "queues", "capacity", "address"}

const required = 2 // the first columns, without which there is no agent

type lineReader struct {
	im    *Import
	csv   *csv.Reader
	at    map[string]int // column → its place on the line
	width int
	first map[string]int // agent id → line
}

func (r *lineReader) heading(cells []string) bool {
	r.at, r.width = map[string]int{}, len(cells)
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		_, twice := r.at[name]
		switch {
		case !known(name):
			r.im.bad(1, directory.Short(strings.ToValidUTF8(name, "�")), "is not a column: they are %s, with commas between", strings.Join(columns[:], ", "))
		case twice:
			r.im.bad(1, name, "is named twice")
		}
		r.at[name] = i
	}
	for _, name := range columns[:required] {
		if _, ok := r.at[name]; !ok {
			r.im.bad(1, name, "this column is missing from the heading")
		}
	}
	return len(r.im.Errors) == 0
}

func known(column string) bool {
	for _, c := range columns {
		if c == column {
			return true
		}
	}
	return false
}

func (r *lineReader) lines() {
	for {
		cells, err := r.csv.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if r.im.Read == MaxLines {
			r.im.bad(MaxLines+2, "", "the file has more than %d lines: split it", MaxLines)
			return
		}
		r.im.Read++
		if err != nil {
			r.unreadable(err)
			continue
		}
		r.line(cells)
	}
	if r.im.Read == 0 {
		r.im.bad(2, "", "there is no line below the heading")
	}
}

func (r *lineReader) unreadable(err error) {
	var p *csv.ParseError
	switch {
	case !errors.As(err, &p): // it has no other errors when it reads from memory
		r.im.bad(r.im.Read+1, "", "%v", err)
	case errors.Is(p.Err, csv.ErrQuote) && p.Line > p.StartLine:
		r.im.bad(p.StartLine, "", "a quote that opens on this line is not closed properly; lines up to %d were read as part of it", p.Line)
	case errors.Is(p.Err, csv.ErrQuote), errors.Is(p.Err, csv.ErrBareQuote):
		r.im.bad(p.Line, "", `a quote stands where none may at character %d: a cell with quotes in it is written "like ""this"""`, p.Column)
	default:
		r.im.bad(p.Line, "", "%v", p.Err)
	}
}

func (r *lineReader) line(cells []string) {
	line, _ := r.csv.FieldPos(0)
	if len(cells) != r.width {
		r.im.bad(line, "", "has %d cells, the heading has %d", len(cells), r.width)
		return
	}
	for i, cell := range cells {
		if !utf8.ValidString(cell) {
			r.im.bad(line, r.column(i), "is not UTF-8: save the file as UTF-8")
			return
		}
	}
	before := len(r.im.Errors)
	agent := r.agent(line, cells)
	r.unique(line, agent.GetId())
	if len(r.im.Errors) == before {
		r.im.Agents = append(r.im.Agents, agent)
		r.im.Lines = append(r.im.Lines, line)
	}
}

func (r *lineReader) agent(line int, cells []string) *provisioningv1.Agent {
	a := &provisioningv1.Agent{
		Id:       r.cell(cells, "id"),
		Name:     r.cell(cells, "name"),
		QueueIds: list(r.cell(cells, "queues")),
		Address:  r.cell(cells, "address"),
	}
	var problem string
	if a.Skills, problem = readSkills(r.cell(cells, "skills")); problem != "" {
		r.im.bad(line, "skills", "%s", problem)
	}
	if a.Capacity, problem = readCapacity(r.cell(cells, "capacity")); problem != "" {
		r.im.bad(line, "capacity", "%s", problem)
	}
	for _, p := range directory.CheckAgent(a) {
		r.im.bad(line, p.Field, "%s", p.Text)
	}
	return a
}

func (r *lineReader) unique(line int, id string) {
	if id == "" {
		return
	}
	if before, twice := r.first[id]; twice {
		r.im.bad(line, "id", "%q stands on line %d already", directory.Short(id), before)
		return
	}
	r.first[id] = line
}

func (r *lineReader) cell(cells []string, column string) string {
	i, ok := r.at[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(cells[i])
}

func (r *lineReader) column(i int) string {
	for name, at := range r.at {
		if at == i {
			return name
		}
	}
	return ""
}
