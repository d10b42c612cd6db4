package scim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a filter.
const (
	longestFilter = 8 << 10
	deepestFilter = 32
)

// parser reads the grammar of RFC 7644, 3.4.2.2, from left to right: or binds less than and, and less than not.
type parser struct {
	resource *resourceType
	text     string
	at       int
	depth    int
	scimType string
}

// parseFilter reads the filter of a list.
func (t *resourceType) parseFilter(text string) (filter, error) {
	p := &parser{resource: t, text: text, scimType: invalidFilter}
	if len(text) > longestFilter {
		return nil, bad(invalidFilter, "the filter has %d bytes, at most %d are read", len(text), longestFilter)
	}
	f, err := p.or(t.scope)
	if err != nil {
		return nil, err
	}
	if p.peek() != 0 {
		return nil, p.wrong("and, or, or the end is expected")
	}
	return f, nil
}

func (p *parser) wrong(format string, args ...any) error {
	return bad(p.scimType, "%q, character %d: %s", short(p.text), p.at+1, fmt.Sprintf(format, args...))
}

func (p *parser) or(s scope) (filter, error) {
	if p.depth++; p.depth > deepestFilter {
		return nil, p.wrong("nested deeper than %d levels", deepestFilter)
	}
	defer func() { p.depth-- }()
	left, err := p.and(s)
	for err == nil && p.keyword("or") {
		var right filter
		right, err = p.and(s)
		left = either{left, right}
	}
	return left, err
}

func (p *parser) and(s scope) (filter, error) {
	left, err := p.term(s)
	for err == nil && p.keyword("and") {
		var right filter
		right, err = p.term(s)
		left = both{left, right}
	}
	return left, err
}

func (p *parser) term(s scope) (filter, error) {
	start := p.at
	if p.keyword("not") {
		if p.peek() == '(' {
			f, err := p.group(s)
			return except{f}, err
		}
		p.at = start // an attribute of that name
	}
	if p.peek() == '(' {
		return p.group(s)
	}
	name := p.word()
	if !isName(name) {
		return nil, p.wrong("the name of an attribute is expected")
	}
	if p.peek() == '[' {
		return p.valuePath(name)
	}
	return p.comparison(s, name)
}

func (p *parser) group(s scope) (filter, error) {
	p.at++ // (
	f, err := p.or(s)
	if err == nil && !p.symbol(')') {
		err = p.wrong(") is expected")
	}
	return f, err
}

func (p *parser) valuePath(name string) (filter, error) {
	canonical, at, a := p.resource.elements(name)
	inner, err := p.brackets(a)
	return some{canonical, at, inner}, err
}

func (p *parser) brackets(a *attribute) (filter, error) {
	if !p.symbol('[') {
		return nil, p.wrong("[ is expected")
	}
	f, err := p.or(subScope(a))
	if err == nil && !p.symbol(']') {
		err = p.wrong("] is expected")
	}
	return f, err
}

var operators = []string{"eq", "ne", "co", "sw", "ew", "pr", "gt", "ge", "lt", "le"}

func (p *parser) comparison(s scope, name string) (filter, error) {
	c := comparison{op: strings.ToLower(p.word())}
	if !slices.Contains(operators, c.op) {
		return nil, p.wrong("%q is none of %s", short(c.op), strings.Join(operators, ", "))
	}
	c.name, c.at, c.attribute = s(name)
	if c.op == "pr" {
		return c, nil
	}
	var err error
	if c.want, err = p.value(); err != nil {
		return nil, err
	}
	return c, p.sensible(c, name)
}

// sensible refuses comparisons that mean nothing (RFC 7644, table 3).
func (p *parser) sensible(c comparison, name string) error {
	_, isText := c.want.(string)
	_, isNumber := c.want.(float64)
	equal := c.op == "eq" || c.op == "ne"
	switch {
	case equal || isText && (c.attribute == nil || c.attribute.kind != "boolean"):
		return nil
	case isNumber && ordering(c.op):
		return nil
	}
	return p.wrong("%s cannot be compared with %s that way", short(name), c.op)
}

// value reads a JSON text, number, true, false or null.
func (p *parser) value() (any, error) {
	if p.peek() == '"' {
		return p.quoted()
	}
	word := p.word()
	switch strings.ToLower(word) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	var n float64
	if json.Unmarshal([]byte(word), &n) != nil {
		return nil, p.wrong(`a value is expected: a text in "", a number, true, false or null`)
	}
	return n, nil
}

func (p *parser) quoted() (any, error) {
	for end := p.at + 1; end < len(p.text); end++ {
		switch p.text[end] {
		case '\\':
			end++
		case '"':
			var text string
			if err := json.Unmarshal([]byte(p.text[p.at:end+1]), &text); err != nil {
				return nil, p.wrong("a text as JSON writes it is expected")
			}
			p.at = end + 1
			return text, nil
		}
	}
	return nil, p.wrong(`the text has no " at its end`)
}

// peek is the next character that is no blank; 0: none.
func (p *parser) peek() byte {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *parser) symbol(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

// word is what comes before the next blank or bracket.
func (p *parser) word() string {
	p.peek()
	start := p.at
	for p.at < len(p.text) && !strings.ContainsRune(" \t()[]\"", rune(p.text[p.at])) {
		p.at++
	}
	return p.text[start:p.at]
}

// keyword takes the word if it is next.
func (p *parser) keyword(word string) bool {
	start := p.at
	if strings.EqualFold(p.word(), word) {
		return true
	}
	p.at = start
	return false
}

// isName reports whether it could be an attribute's: letters, digits, $ - _, with dots and, of a schema, colons.
func isName(text string) bool {
	for i, c := range []byte(text) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '$'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-_.:", rune(c))) {
			return false
		}
	}
	return text != "" && text[len(text)-1] != '.' && text[len(text)-1] != ':' && !strings.Contains(text, "..")
}

// path is the target of a change (RFC 7644, 3.5.2).
type path struct {
	place
	text   string
	values filter // which of many; nil: all
}

// parsePath reads attribute, attribute.sub, attribute[filter] and attribute[filter].sub, a schema before them or not.
func (t *resourceType) parsePath(text string) (path, error) {
	p := &parser{resource: t, text: text, scimType: invalidPath}
	if len(text) > longestFilter {
		return path{}, bad(invalidPath, "the path has %d bytes, at most %d are read", len(text), longestFilter)
	}
	name := p.word()
	if !isName(name) {
		return path{}, p.wrong("the name of an attribute is expected")
	}
	to := path{place: t.lookUp(name), text: text}
	if p.peek() == 0 {
		return to, nil
	}
	var err error
	if to.values, err = p.brackets(to.attribute); err != nil {
		return path{}, err
	}
	if rest := p.text[p.at:]; rest != "" {
		if rest[0] != '.' || !isName(rest[1:]) || strings.ContainsAny(rest[1:], ".:") {
			return path{}, p.wrong(". and the name of a sub-attribute, or the end, is expected")
		}
		return t.behind(to, rest[1:])
	}
	return to, t.fits(to)
}

// behind names a sub-attribute of the values in brackets. One that nobody knows leads nowhere.
func (t *resourceType) behind(to path, sub string) (path, error) {
	if err := t.fits(to); err != nil || !to.known() {
		return to, err
	}
	if to.sub = named(to.attribute.sub, sub); to.sub == nil {
		to.place = place{}
	}
	return to, nil
}

// fits refuses brackets behind what has not many values.
func (t *resourceType) fits(to path) error {
	if to.known() && (to.whole || to.sub != nil || !to.attribute.many || to.attribute.kind != "complex") {
		return bad(invalidPath, "%q: %s has not many values, of which a filter could choose", short(to.text), to.place)
	}
	return nil
}
