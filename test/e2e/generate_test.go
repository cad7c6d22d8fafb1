package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
)

// A schema is what generating needs of JSON Schema.
type schema struct {
	Ref        string   `json:"$ref"`
	Type       string   `json:"type"`
	Enum       []any    `json:"enum"`
	Pattern    string   `json:"pattern"`
	Minimum    *float64 `json:"minimum"`
	Maximum    *float64 `json:"maximum"`
	MinItems   int      `json:"minItems"`
	MaxItems   int      `json:"maxItems"`
	Items      *schema  `json:"items"`
	Required   []string `json:"required"`
	Properties map[string]*schema
}

// A generator makes values after schemas, by one sequence of random numbers.
type generator struct {
	*rand.Rand
	schemas map[string]*schema // by their references
	pool    *pool
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// valid returns a value that the schema allows. Names are ones that exist, at times.
func (g *generator) valid(name string, s *schema) any {
	switch {
	case s.Ref != "":
		return g.valid(name, g.schemas[s.Ref])
	case len(s.Enum) > 0:
		return pick(g, s.Enum...)
	case s.Type == "object":
		object := map[string]any{}
		for name, property := range s.Properties {
			if name != "$schema" && (slices.Contains(s.Required, name) || g.chance(50)) {
				object[name] = g.valid(name, property)
			}
		}
		return object
	case s.Type == "array":
		array := make([]any, max(s.MinItems, g.IntN(4)))
		for i := range array {
			array[i] = g.valid(name, s.Items)
		}
		return array
	case s.Type == "integer":
		low, high := 0., 1e12 // within which no total overflows
		if s.Minimum != nil {
			low = *s.Minimum
		}
		if s.Maximum != nil {
			high = *s.Maximum
		}
		return pick(g, int64(low), int64(low)+1, int64(low)+g.Int64N(int64(high-low)+1), int64(high))
	case s.Type == "string" && g.chance(70) && g.pool.known(g, name) != "":
		return g.pool.known(g, name)
	case s.Pattern != "":
		return g.matching(s.Pattern)
	default:
		return g.text()
	}
}

// matching returns a text that matches a regular expression of classes and repetitions.
func (g *generator) matching(pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(err)
	}
	var text strings.Builder
	var write func(*syntax.Regexp)
	write = func(re *syntax.Regexp) {
		switch re.Op {
		case syntax.OpCharClass:
			i := 2 * g.IntN(len(re.Rune)/2)
			text.WriteRune(re.Rune[i] + rune(g.IntN(int(re.Rune[i+1]-re.Rune[i])+1)))
		case syntax.OpRepeat:
			for range re.Min + g.IntN(re.Max-re.Min+1) {
				write(re.Sub[0])
			}
		case syntax.OpConcat:
			for _, sub := range re.Sub {
				write(sub)
			}
		case syntax.OpLiteral:
			text.WriteString(string(re.Rune))
		}
	}
	write(parsed)
	return text.String()
}

// text is what people and programs write into fields that are not meant for it.
func (g *generator) text() string {
	switch g.IntN(4) {
	case 0:
		return pick(g, "", " ", "null", "true", "0", "-1", "1e999", "NaN", "+Inf", "\x00", "\n", "\xff\xfe", "ä", "日本", "😀", "\u202e",
			"../../etc/passwd", "'; DROP TABLE orders; --", "%00", "%zz", "{}", "[]", "<b>", "${x}", "a b", "a,b", "a;b", "a&b=c", "+", "\\u0000")
	case 1:
		return strings.Repeat(pick(g, "a", "%", "ä", "0"), pick(g, 1, 64, 65, 255, 256, 5000))
	default:
		b := make([]byte, g.IntN(20))
		for i := range b {
			b[i] = byte(g.IntN(256))
		}
		return string(b)
	}
}

// wild returns any value that JSON has.
func (g *generator) wild(depth int) any {
	switch n := g.IntN(9); {
	case n == 0:
		return nil
	case n == 1:
		return g.chance(50)
	case n <= 3:
		return json.Number(pick(g, "0", "-0", "1", "-1", "1.0", "0.5", "1e3", "1e30", "1e999", "-1e-999", "1000001", "9007199254740993",
			"9223372036854775807", "9223372036854775808", "-9223372036854775809", "1"+strings.Repeat("0", 400)))
	case n <= 6 || depth == 0:
		return strings.ToValidUTF8(g.text(), "\ufffd")
	case n == 7:
		array := make([]any, g.IntN(4))
		for i := range array {
			array[i] = g.wild(depth - 1)
		}
		return array
	default:
		object := map[string]any{}
		for range g.IntN(4) {
			object[pick(g, "customer_id", "items", "sku", "quantity", "available", "", g.matching("[a-z]{1,8}"))] = g.wild(depth - 1)
		}
		return object
	}
}

// spoil changes one place of a value.
func (g *generator) spoil(value any) any {
	switch v := value.(type) {
	case map[string]any:
		names := []string{}
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		if len(names) == 0 || g.chance(10) {
			v[pick(g, "unknown", "$schema", "Quantity", "id", "")] = g.wild(2)
			return v
		}
		name := pick(g, names...)
		switch g.IntN(6) {
		case 0:
			delete(v, name)
		case 1:
			v[strings.ToUpper(name)] = v[name]
		default:
			v[name] = g.spoil(v[name])
		}
		return v
	case []any:
		switch {
		case len(v) == 0:
			return []any{g.wild(2)}
		case g.chance(5):
			return slices.Repeat(v[:1], pick(g, 1000, 1001))
		case g.chance(10):
			return []any{}
		}
		i := g.IntN(len(v))
		v[i] = g.spoil(v[i])
		return v
	case int64:
		return pick[any](g, -v, v-1, v+1, 0, -1, float64(v)+0.5, fmt.Sprint(v), nil, g.wild(1))
	case string:
		return pick[any](g, v+" ", v+"\n", strings.Repeat(v, 70), "", nil, 7, g.wild(1))
	default:
		return g.wild(2)
	}
}

// scramble changes some bytes of a text.
func (g *generator) scramble(text []byte) []byte {
	text = slices.Clone(text)
	for range 1 + g.IntN(3) {
		if len(text) == 0 {
			return text
		}
		i := g.IntN(len(text))
		switch g.IntN(5) {
		case 0:
			text[i] = byte(g.IntN(256))
		case 1:
			text = slices.Delete(text, i, i+1)
		case 2:
			text = slices.Insert(text, i, pick(g, []byte(`{}[]",:0e-n\`)...))
		case 3:
			text = text[:i]
		case 4: // a part twice, such as a name
			j := i + g.IntN(len(text)-i)
			text = slices.Concat(text[:j], text[i:j], text[j:])
		}
	}
	return text
}

// body is the JSON of a value for an operation, as right as asked for.
func (g *generator) body(s *schema, right rightness) []byte {
	var value any
	switch right {
	case wild:
		value = g.wild(4)
	case nearly:
		value = g.spoil(g.valid("", s))
	default:
		value = g.valid("", s)
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(value); err != nil {
		panic(err) // the values above are JSON's
	}
	if right == valid || g.chance(60) {
		return text.Bytes()
	}
	return g.scramble(text.Bytes())
}
