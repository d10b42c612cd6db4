package job

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// ReadCSV reads a file of agents: a heading line that names the columns, in any order, and a line for each agent. It reads
// on after an error, so that all bad lines are named at once; the error that it returns is r's.
//
//	id,name,skills,queues,capacity,address,action,active,external_id
//	ann,Ann Lee,english:80;sales:50,support;sales,voice=1;chat=3,1001,upsert,true,7
func ReadCSV(r io.Reader, most Limits) (*Import, error) {
	line := &lineCapped{Reader: &capped{r, most.Bytes}}
	begin := bufio.NewReader(line)
	reader := lineReader{Import: newImport(), csv: csv.NewReader(begin), cap: line, most: most}
	reader.csv.FieldsPerRecord = -1 // counted by line, with a better word for it
	reader.csv.ReuseRecord = true
	if !encoded(reader.Import, begin) {
		return reader.Import, nil
	}
	return reader.Import, reader.read()
}

var columns = [...]string{"id", "name", "skills", "queues", "capacity", "address", "action", "active", "external_id"}

type lineReader struct {
	*Import
	csv   *csv.Reader
	cap   *lineCapped
	most  Limits
	at    map[string]int // column → its place on the line
	width int
	end   int // the last line that was read
}

func (r *lineReader) read() error {
	heading, err := r.next()
	switch {
	case err == nil && !r.heading(heading):
		return nil
	case err == nil:
		return r.lines()
	case errors.Is(err, io.EOF), errors.As(err, new(*csv.ParseError)):
		r.wrong(1, "", "there is no heading: the first line must name the columns, %s", strings.Join(columns[:], ","))
		return nil
	}
	return r.stopped(err)
}

// next reads the cells of a line, which may go over several.
func (r *lineReader) next() ([]string, error) {
	r.cap.read = 0
	cells, err := r.csv.Read()
	if err == nil {
		r.end, _ = r.csv.FieldPos(len(cells) - 1)
	}
	return cells, err
}

// heading reads what columns there are. Of a file that says what to do with each agent, not all may need a name.
func (r *lineReader) heading(cells []string) bool {
	r.at, r.width = map[string]int{}, len(cells)
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		_, twice := r.at[name]
		switch {
		case !known(name):
			r.wrong(1, directory.Short(strings.ToValidUTF8(name, "�")), "is not a column: they are %s, with commas between", strings.Join(columns[:], ", "))
		case twice:
			r.wrong(1, name, "is named twice")
		}
		r.at[name] = i
	}
	_, acts := r.at["action"]
	for _, name := range []string{"id", "name"} {
		if _, ok := r.at[name]; !ok && !(acts && name == "name") {
			r.wrong(1, name, "this column is missing from the heading")
		}
	}
	return r.Wrong == 0
}

func known(column string) bool { return slices.Contains(columns[:], column) }

func (r *lineReader) lines() error {
	for {
		cells, err := r.next()
		switch {
		case errors.Is(err, io.EOF) && r.Read == 0:
			r.wrong(2, "", "there is no line below the heading")
			return nil
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.As(err, new(*csv.ParseError)):
			return r.stopped(err)
		case r.Read == r.most.Items:
			r.stop(r.most.Items+2, "the file has more than %d lines: split it", r.most.Items)
			return nil
		}
		r.Read++
		if err != nil {
			r.unreadable(err)
			continue
		}
		r.line(cells)
	}
}

// stopped says why nothing was read behind the line that was read last. What is not the file's fault it returns.
func (r *lineReader) stopped(err error) error {
	switch {
	case errors.Is(err, errTooLong):
		r.stop(r.end+1, "the file has more than %d bytes: split it", r.most.Bytes)
	case errors.Is(err, errLongLine):
		r.stop(r.end+1, "has more than %d bytes, so nothing behind it was read: is a quote not closed?", longestLine)
	default:
		return err
	}
	return nil
}

func (r *lineReader) unreadable(err error) {
	var p *csv.ParseError
	switch {
	case !errors.As(err, &p): // it is called with no other
	case errors.Is(p.Err, csv.ErrQuote) && p.Line > p.StartLine:
		r.wrong(p.StartLine, "", "a quote that opens on this line is not closed properly; lines up to %d were read as part of it", p.Line)
	case errors.Is(p.Err, csv.ErrQuote), errors.Is(p.Err, csv.ErrBareQuote):
		r.wrong(p.Line, "", `a quote stands where none may at character %d: a cell with quotes in it is written "like ""this"""`, p.Column)
	default:
		r.wrong(p.Line, "", "%v", p.Err)
	}
	if p != nil {
		r.end = p.Line
	}
}

func (r *lineReader) line(cells []string) {
	line, _ := r.csv.FieldPos(0)
	if len(cells) != r.width {
		r.wrong(line, "", "has %d cells, the heading has %d", len(cells), r.width)
		return
	}
	for i, cell := range cells {
		if !utf8.ValidString(cell) {
			r.wrong(line, r.column(i), "is not UTF-8: save the file as UTF-8")
			return
		}
	}
	r.take(line, r.item(line, cells))
}

// actions of a line, by what stands in its column of that name.
var actions = map[string]provisioningv1.Item_Kind{
	"":           provisioningv1.Item_KIND_UPSERT_AGENT,
	"upsert":     provisioningv1.Item_KIND_UPSERT_AGENT,
	"create":     provisioningv1.Item_KIND_CREATE_AGENT,
	"update":     provisioningv1.Item_KIND_UPDATE_AGENT,
	"delete":     provisioningv1.Item_KIND_DELETE_AGENT,
	"deactivate": provisioningv1.Item_KIND_DEACTIVATE_AGENT,
	"activate":   provisioningv1.Item_KIND_ACTIVATE_AGENT,
}

func (r *lineReader) item(line int, cells []string) *provisioningv1.Item {
	action := r.cell(cells, "action")
	kind, known := actions[strings.ToLower(action)]
	if !known {
		r.wrong(line, "action", "%q is none: they are upsert, create, update, delete, deactivate, activate; empty is upsert", directory.Short(action))
		kind = provisioningv1.Item_KIND_DELETE_AGENT // of which no more than the id is looked at
	}
	it := &provisioningv1.Item{Kind: kind, Agent: &provisioningv1.Agent{Id: r.cell(cells, "id")}}
	active, said := r.active(line, cells)
	switch kind {
	case provisioningv1.Item_KIND_UPSERT_AGENT, provisioningv1.Item_KIND_CREATE_AGENT, provisioningv1.Item_KIND_UPDATE_AGENT:
		it.Agent = r.agent(line, cells)
		it.Agent.Deactivated = said && !active
	case provisioningv1.Item_KIND_DEACTIVATE_AGENT, provisioningv1.Item_KIND_ACTIVATE_AGENT:
		if said && active != (kind == provisioningv1.Item_KIND_ACTIVATE_AGENT) {
			r.wrong(line, "active", "is %v, and the action is to %s", active, strings.ToLower(action))
		}
	}
	return it
}

func (r *lineReader) agent(line int, cells []string) *provisioningv1.Agent {
	a := &provisioningv1.Agent{
		Id:         r.cell(cells, "id"),
		Name:       r.cell(cells, "name"),
		QueueIds:   list(r.cell(cells, "queues")),
		Address:    r.cell(cells, "address"),
		ExternalId: r.cell(cells, "external_id"),
	}
	var problem string
	if a.Skills, problem = readSkills(r.cell(cells, "skills")); problem != "" {
		r.wrong(line, "skills", "%s", problem)
	}
	if a.Capacity, problem = readCapacity(r.cell(cells, "capacity")); problem != "" {
		r.wrong(line, "capacity", "%s", problem)
	}
	return a
}

func (r *lineReader) active(line int, cells []string) (active, said bool) {
	switch cell := r.cell(cells, "active"); strings.ToLower(cell) {
	case "":
		return false, false
	case "true", "false":
		return strings.EqualFold(cell, "true"), true
	default:
		r.wrong(line, "active", "%q is neither true nor false; empty is true", directory.Short(cell))
		return false, false
	}
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
