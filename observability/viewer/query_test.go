package viewer

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/testing/protocmp"
)

func boolValue(b bool) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: b}}
}

func doubleValue(f float64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: f}}
}

func listValue(values ...*commonpb.AnyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: values}}}
}

func TestParseQuery(t *testing.T) {
	for q, want := range map[string]query{
		"":      nil,
		" ":     nil,
		"{}":    nil,
		" { } ": nil,
		`{ .a = "b" }`: {
			{field{"", "a"}, "=", stringValue("b")},
		},
		`{span.messaging.message.conversation_id="0198-x"&&resource.service.name="order"}`: {
			{field{"span", "messaging.message.conversation_id"}, "=", stringValue("0198-x")},
			{field{"resource", "service.name"}, "=", stringValue("order")},
		},
		`{ name = "process orders" && status = error && kind = consumer && duration >= 1.5ms }`: {
			{field{"name", ""}, "=", stringValue("process orders")},
			{field{"status", ""}, "=", stringValue("error")},
			{field{"kind", ""}, "=", stringValue("consumer")},
			{field{"duration", ""}, ">=", intValue(1_500_000)},
		},
		`{ .a = "quoted \"text\" } && {" && .b = ` + "`raw \\n`" + ` }`: {
			{field{"", "a"}, "=", stringValue(`quoted "text" } && {`)},
			{field{"", "b"}, "=", stringValue(`raw \n`)},
		},
		`{ traceDuration > 1s && rootName = "a" && rootServiceName = "b" }`: {
			{field{"traceDuration", ""}, ">", intValue(second)},
			{field{"rootName", ""}, "=", stringValue("a")},
			{field{"rootServiceName", ""}, "=", stringValue("b")},
		},
		`{ .n > 3 && .f <= -0.5 && .yes = true && .no = false }`: {
			{field{"", "n"}, ">", intValue(3)},
			{field{"", "f"}, "<=", doubleValue(-0.5)},
			{field{"", "yes"}, "=", boolValue(true)},
			{field{"", "no"}, "=", boolValue(false)},
		},
	} {
		t.Run(q, func(t *testing.T) {
			got, err := parseQuery(q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(condition{}, field{}), protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseQuerySaysWhatIsSupported(t *testing.T) {
	for q, want := range map[string]string{
		`{`:                         `expected an attribute or name, status, kind, duration, traceDuration, rootName, rootServiceName at the end`,
		`}`:                         `expected { before "}"`,
		`.a = "b"`:                  `expected { before ".a = \"b\""`,
		`{ .a = "b"`:                `expected && or } at the end`,
		`{ .a = "b" && }`:           `rootServiceName before "}"`,
		`{ .a = "b" || .c = "d" }`:  `expected && or } before "|| .c`,
		`{ .a = "b" } && { .c=1 }`:  `expected the end before "&& {`,
		`{ .a = "b" } | count() >2`: `expected the end before "| count`,
		`{ . = "b" }`:               `expected an attribute`,
		`{ a = "b" }`:               `expected an attribute`,
		`{ event.a = "b" }`:         `expected an attribute`,
		`{ rootname = "b" }`:        `expected an attribute`,
		`{ rootName = b }`:          `expected a value that fits`,
		`{ rootName > "b" }`:        `> needs a number or a duration`,
		`{ traceDuration > 100 }`:   `expected a value that fits`,
		`{ .a }`:                    `expected =, >, >=, < or <= before "}"`,
		`{ .a != "b" }`:             `expected =, >, >=, < or <= before "!= `,
		`{ .a =~ "b" }`:             `expected a value that fits before "~ `,
		`{ .a = }`:                  `expected a value that fits before "}"`,
		`{ .a = b }`:                `expected a value that fits before "b }"`,
		`{ .a = 'b' }`:              `expected a value that fits before "'b' }"`,
		`{ .a = "b }`:               `expected a value that fits before "\"b }"`,
		`{ .a = nil }`:              `expected a value that fits`,
		`{ .a = inf }`:              `expected a value that fits`,
		`{ .a > "b" }`:              `> needs a number or a duration`,
		`{ .a < true }`:             `< needs a number or a duration`,
		`{ name = ok }`:             `expected a value that fits`,
		`{ name > "b" }`:            `> needs a number or a duration`,
		`{ status = "error" }`:      `expected a value that fits`,
		`{ status = broken }`:       `expected a value that fits`,
		`{ kind = error }`:          `expected a value that fits`,
		`{ duration > 100 }`:        `expected a value that fits`,
		`{ duration > "1s" }`:       `expected a value that fits`,
	} {
		t.Run(q, func(t *testing.T) {
			_, err := parseQuery(q)
			if err == nil {
				t.Fatal("parsed")
			}
			if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), supportedQueries) {
				t.Errorf("error is %q; want it to say %q and what is supported", err, want)
			}
		})
	}
}

func TestQueryHolds(t *testing.T) {
	resource := &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("a", "resource"), text("service.name", "order")}}
	span := newSpan(1, 1, 1)
	span.Name = "create orders"
	span.Kind = tracepb.Span_SPAN_KIND_PRODUCER
	span.Attributes = []*commonpb.KeyValue{
		text("a", "span"), text("two", "2"), {Key: "n", Value: intValue(2)},
		{Key: "f", Value: doubleValue(2.5)}, {Key: "yes", Value: boolValue(true)}, {Key: "nan", Value: doubleValue(math.NaN())},
		{Key: "tags", Value: listValue(stringValue("a"), stringValue("b"), intValue(7), listValue(stringValue("inner")))},
	}
	for q, want := range map[string]bool{
		`{}`:                               true,
		`{ .a = "span" }`:                  true,
		`{ .a = "resource" }`:              false, // the span's attribute hides it
		`{ span.a = "span" }`:              true,
		`{ resource.a = "resource" }`:      true,
		`{ .service.name = "order" }`:      true,
		`{ span.service.name = "order" }`:  false,
		`{ .missing = "order" }`:           false,
		`{ .missing < 1 }`:                 false,
		`{ .n = 2 }`:                       true,
		`{ .n = 2.0 }`:                     true,
		`{ .n > 1 && .n < 3 }`:             true,
		`{ .n > 2 }`:                       false,
		`{ .n >= 2 && .n <= 2 }`:           true,
		`{ .n < 2.5 }`:                     true,
		`{ .f > 2 }`:                       true,
		`{ .f = 2 }`:                       false,
		`{ .n = "2" }`:                     false,
		`{ .two = 2 }`:                     false,
		`{ .nan < 1 }`:                     false,
		`{ .nan <= 1 }`:                    false,
		`{ .nan = 1 }`:                     false,
		`{ .nan >= 1.5 }`:                  false,
		`{ .nan > 1 }`:                     false,
		`{ .tags = "b" }`:                  true,
		`{ .tags = "c" }`:                  false,
		`{ .tags > 6 }`:                    true,
		`{ .tags = "inner" }`:              false,
		`{ .yes = true }`:                  true,
		`{ .yes = false }`:                 false,
		`{ .a = true }`:                    false,
		`{ name = "create orders" }`:       true,
		`{ name = "create" }`:              false,
		`{ status = unset }`:               true,
		`{ status = error }`:               false,
		`{ kind = producer }`:              true,
		`{ kind = consumer }`:              false,
		`{ duration = 1s }`:                true,
		`{ duration > 999ms }`:             true,
		`{ duration < 1s }`:                false,
		`{ .a = "span" && kind = server }`: false,
	} {
		t.Run(q, func(t *testing.T) {
			parsed, err := parseQuery(q)
			if err != nil {
				t.Fatal(err)
			}
			if _, got := parsed.holds(span, resource); got != want {
				t.Errorf("holds: %v, want %v", got, want)
			}
		})
	}
}

func TestASpanWhoseClockWentBackwardsTookNoTime(t *testing.T) {
	if got := duration(2*second, 1*second); got != 0 {
		t.Errorf("duration is %s, want 0", got)
	}
	if got := duration(0, math.MaxUint64); got != math.MaxInt64 {
		t.Errorf("duration is %s, want the longest", got)
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add(`{ .a = "b" && duration > 5ms && kind = server && .n <= -2.5e3 && .t = true }`)
	f.Add("{ span.a = `b` }")
	f.Add(`{ .a = "b`)
	f.Fuzz(func(t *testing.T, q string) {
		parsed, err := parseQuery(q)
		if err != nil {
			return
		}
		parsed.holds(&tracepb.Span{}, nil)
		if again, err := parseQuery(" " + q + " "); err != nil || len(again) != len(parsed) {
			t.Errorf("with spaces around: %d conditions (%v), without %d", len(again), err, len(parsed))
		}
	})
}
