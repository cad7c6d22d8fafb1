package viewer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
)

const supportedQueries = `supported: {} or { condition && … } on one span; a condition is` +
	` .attribute, span.attribute or resource.attribute = "text" (or a number, true, false), name = "text",` +
	` status = ok (error, unset), kind = server (client, producer, consumer, internal, unspecified), duration > 100ms,` +
	` or of its trace: traceDuration > 100ms, rootName = "text", rootServiceName = "text";` +
	` numbers and durations take =, >, >=, < and <=`

// query is the part of TraceQL understood here: conditions that must all hold on the same span.
type query []condition

// condition compares one field of a span, or of its resource, with a value.
type condition struct {
	field field
	op    string
	want  *commonpb.AnyValue // a duration is an int, in nanoseconds
}

// field is an attribute when it has a key, else an intrinsic, named by its scope.
type field struct {
	scope string // "", "span" or "resource"; or the intrinsic, such as "name"
	key   string
}

var intrinsics = []string{"name", "status", "kind", "duration", "traceDuration", "rootName", "rootServiceName"}

func (f field) isText() bool {
	return f.key == "" && slices.Contains([]string{"name", "rootName", "rootServiceName"}, f.scope)
}

// isOfTrace reports whether the field is one of the trace, not of a span.
func (f field) isOfTrace() bool {
	return f.key == "" && slices.Contains([]string{"traceDuration", "rootName", "rootServiceName"}, f.scope)
}

// parseQuery parses q; an empty q is {}. The error says what is supported.
func parseQuery(q string) (query, error) {
	p := &parser{rest: q}
	conditions, err := p.query()
	if err != nil {
		return nil, fmt.Errorf("query %q: %w; %s", q, err, supportedQueries)
	}
	return conditions, nil
}

type parser struct{ rest string }

func (p *parser) query() (query, error) {
	if p.atEnd() {
		return nil, nil
	}
	if !p.take("{") {
		return nil, p.expected("{")
	}
	var conditions query
	for more := !p.take("}"); more; {
		c, err := p.condition()
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
		if more = p.take("&&"); !more && !p.take("}") {
			return nil, p.expected("&& or }")
		}
	}
	if !p.atEnd() {
		return nil, p.expected("the end")
	}
	return conditions, nil
}

func (p *parser) condition() (condition, error) {
	var c condition
	var err error
	if c.field, err = p.field(); err != nil {
		return c, err
	}
	for _, op := range []string{">=", "<=", "=", ">", "<"} {
		if c.op == "" && p.take(op) {
			c.op = op
		}
	}
	if c.op == "" {
		return c, p.expected("=, >, >=, < or <=")
	}
	if c.want, err = p.value(c.field); err != nil {
		return c, err
	}
	switch c.want.GetValue().(type) {
	case *commonpb.AnyValue_IntValue, *commonpb.AnyValue_DoubleValue:
	default:
		if c.op != "=" {
			return c, fmt.Errorf("%s needs a number or a duration", c.op)
		}
	}
	return c, nil
}

func (p *parser) field() (field, error) {
	at := p.rest
	word := p.word()
	if slices.Contains(intrinsics, word) {
		return field{scope: word}, nil
	}
	scope, key, ok := strings.Cut(word, ".")
	if !ok || key == "" || !slices.Contains([]string{"", "span", "resource"}, scope) {
		p.rest = at
		return field{}, p.expected("an attribute or " + strings.Join(intrinsics, ", "))
	}
	return field{scope: scope, key: key}, nil
}

func (p *parser) value(of field) (*commonpb.AnyValue, error) {
	p.space()
	at := p.rest
	if quoted, err := strconv.QuotedPrefix(at); err == nil && quoted[0] != '\'' && (of.key != "" || of.isText()) {
		p.rest = at[len(quoted):]
		text, err := strconv.Unquote(quoted)
		return stringValue(text), err
	}
	word := p.word()
	switch {
	case of.scope == "status" && slices.Contains([]string{"ok", "error", "unset"}, word):
		return stringValue(word), nil
	case of.scope == "kind" && slices.Contains(
		[]string{"server", "client", "producer", "consumer", "internal", "unspecified"}, word):
		return stringValue(word), nil
	case of.scope == "duration" || of.scope == "traceDuration":
		if d, err := time.ParseDuration(word); err == nil {
			return intValue(int64(d)), nil
		}
	case of.key != "":
		if v, ok := plainValue(word); ok {
			return v, nil
		}
	}
	p.rest = at
	return nil, p.expected("a value that fits")
}

// plainValue is an attribute's value written without quotes.
func plainValue(word string) (*commonpb.AnyValue, bool) {
	if word == "true" || word == "false" {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: word == "true"}}, true
	}
	if i, err := strconv.ParseInt(word, 10, 64); err == nil {
		return intValue(i), true
	}
	// Go also reads Inf, NaN and hexadecimal floats, which TraceQL does not have.
	if f, err := strconv.ParseFloat(word, 64); err == nil && !strings.ContainsAny(word, "xXnN") {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: f}}, true
	}
	return nil, false
}

// word takes what TraceQL allows in an attribute's name, but no quotes.
func (p *parser) word() string {
	p.space()
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("{}()=~!<>&|^,\"`", r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *parser) take(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

func (p *parser) atEnd() bool {
	p.space()
	return p.rest == ""
}

func (p *parser) space() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

func (p *parser) expected(what string) error {
	if p.atEnd() {
		return errors.New("expected " + what + " at the end")
	}
	return fmt.Errorf("expected %s before %q", what, p.rest)
}

func stringValue(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func intValue(i int64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: i}}
}
