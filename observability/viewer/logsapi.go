package viewer

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// logLine is a record as GET /api/logs answers it.
type logLine struct {
	Time       time.Time         `json:"time"`
	Severity   string            `json:"severity"`
	Event      string            `json:"event,omitempty"`
	Service    string            `json:"service"`
	Instance   string            `json:"instance"`
	Body       string            `json:"body"`
	TraceID    string            `json:"trace_id,omitempty"`
	SpanID     string            `json:"span_id"`
	Attributes map[string]string `json:"attributes"`
}

func newLogLine(resource *resourcepb.Resource, record *logspb.LogRecord) logLine {
	line := logLine{
		Time:       logTime(cmp.Or(record.GetTimeUnixNano(), record.GetObservedTimeUnixNano())),
		Severity:   severity(record),
		Event:      record.GetEventName(),
		Service:    serviceOf(resource),
		Instance:   asText(attributeOf(resource.GetAttributes(), "service.instance.id")),
		Body:       asText(record.GetBody()),
		TraceID:    hex.EncodeToString(record.GetTraceId()),
		SpanID:     hex.EncodeToString(record.GetSpanId()),
		Attributes: map[string]string{},
	}
	for _, attribute := range record.GetAttributes() {
		line.Attributes[attribute.GetKey()] = asText(attribute.GetValue())
	}
	return line
}

// logTime is right for times after 2262, too, which are no int64.
func logTime(nanoseconds uint64) time.Time {
	return time.Unix(int64(nanoseconds/1e9), int64(nanoseconds%1e9)).UTC()
}

// severities are the names of OTLP's severities, each of four numbers.
var severities = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

// severity is the record's text if it is one of OTLP's names, in any case and perhaps with a digit, as in WARN2. Other texts,
// such as "E" or "warning", mean what the number says. Without a number, the text is all there is.
func severity(record *logspb.LogRecord) string {
	text := record.GetSeverityText()
	name := strings.TrimRight(strings.ToUpper(text), "234")
	number := int(record.GetSeverityNumber())
	switch {
	case slices.Contains(severities, name):
		return strings.ToUpper(text)
	case number >= 1 && number <= 4*len(severities):
		return strings.TrimPrefix(record.GetSeverityNumber().String(), "SEVERITY_NUMBER_")
	default:
		return cmp.Or(text, "UNSPECIFIED")
	}
}

// asText returns a value as text: a string as it is, bytes in base64, a list or a map as OTLP's JSON.
func asText(value *commonpb.AnyValue) string {
	switch v := value.GetValue().(type) {
	case nil:
		return ""
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	case *commonpb.AnyValue_BytesValue:
		return base64.StdEncoding.EncodeToString(v.BytesValue)
	default:
		text, err := protojson.Marshal(value)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
}
