package traceapi

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/clew/observability/viewer/story"
)

// These are the values of OTLP's JSON as its writers really spell them. The OTLP
// specification wants hexadecimal ids and numeric enums; Tempo writes protobuf's
// JSON mapping, with base64 ids, enum names and 64-bit numbers as strings. Both
// are read.

// id is a trace or span id, hexadecimal once decoded. Length tells the
// spellings apart: 8 or 16 bytes are 16 or 32 hexadecimal digits, but 12 or 24
// characters of base64.
type id string

func (v *id) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	decode := base64.StdEncoding.DecodeString
	if len(s) == 16 || len(s) == 32 {
		decode = hex.DecodeString
	}
	b, err := decode(s)
	if err != nil {
		return fmt.Errorf("id %.40q: %w", s, err)
	}
	if !slices.Contains([]int{0, 8, 16}, len(b)) {
		return fmt.Errorf("id %.40q has %d bytes, expected 8 or 16", s, len(b))
	}
	*v = id(hex.EncodeToString(b))
	return nil
}

// nanos is a time in nanoseconds since 1970, a string or a number.
type nanos time.Time

func (v *nanos) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseUint(unquote(data), 10, 64)
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	const second = uint64(time.Second)
	*v = nanos(time.Unix(int64(n/second), int64(n%second)).UTC())
	return nil
}

// enum is a protobuf enum, by number or by name.
type enum int

func (v *enum) UnmarshalJSON(data []byte) error {
	s := unquote(data)
	if n, err := strconv.Atoi(s); err == nil {
		*v = enum(n)
		return nil
	}
	*v = map[string]enum{
		"SPAN_KIND_INTERNAL": enum(story.KindInternal),
		"SPAN_KIND_SERVER":   enum(story.KindServer),
		"SPAN_KIND_CLIENT":   enum(story.KindClient),
		"SPAN_KIND_PRODUCER": enum(story.KindProducer),
		"SPAN_KIND_CONSUMER": enum(story.KindConsumer),
		"STATUS_CODE_OK":     1,
		"STATUS_CODE_ERROR":  2,
	}[s] // an unknown name is unspecified
	return nil
}

// keyValues is OTLP's list of attributes, a map once decoded.
type keyValues map[string]any

func (v *keyValues) UnmarshalJSON(data []byte) error {
	var list []struct {
		Key   string   `json:"key"`
		Value anyValue `json:"value"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*v = make(keyValues, len(list))
	for _, kv := range list {
		(*v)[kv.Key] = kv.Value.value
	}
	return nil
}

// anyValue is OTLP's tagged union of attribute values.
type anyValue struct{ value any }

func (v *anyValue) UnmarshalJSON(data []byte) error {
	var union struct {
		String *string         `json:"stringValue"`
		Bool   *bool           `json:"boolValue"`
		Int    json.RawMessage `json:"intValue"`
		Double json.RawMessage `json:"doubleValue"`
		Bytes  *string         `json:"bytesValue"`
		Array  *struct {
			Values []anyValue `json:"values"`
		} `json:"arrayValue"`
		Map *struct {
			Values keyValues `json:"values"`
		} `json:"kvlistValue"`
	}
	err := json.Unmarshal(data, &union)
	switch {
	case err != nil:
		return err
	case union.String != nil || union.Bytes != nil:
		v.value = *cmp.Or(union.String, union.Bytes)
	case union.Bool != nil:
		v.value = *union.Bool
	case union.Int != nil:
		v.value, err = strconv.ParseInt(unquote(union.Int), 10, 64)
	case union.Double != nil:
		v.value, err = strconv.ParseFloat(unquote(union.Double), 64)
	case union.Array != nil:
		values := make([]any, len(union.Array.Values))
		for i, item := range union.Array.Values {
			values[i] = item.value
		}
		v.value = values
	case union.Map != nil:
		v.value = map[string]any(union.Map.Values)
	}
	return err
}

// unquote strips the quotes that protobuf's JSON puts around 64-bit numbers.
func unquote(data []byte) string { return strings.Trim(string(data), `"`) }
