package viewer

import (
	"bytes"
	"fmt"
	"iter"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A request is not decoded as a whole: 8 KiB of gzip can hold four million empty attributes, which decoded take hundreds of
// megabytes. It is cut into records (spans or log records), and each is checked and decoded on its own.

// Fields of OTLP's requests. The requests for traces, logs and metrics have the same numbers.
const (
	fieldResources protowire.Number = 1 // ExportTraceServiceRequest.resource_spans, and of TracesData
	fieldScopes    protowire.Number = 2 // ResourceSpans.scope_spans
	fieldRecords   protowire.Number = 2 // ScopeSpans.spans
)

// maxParts is how many resources, scopes and records one request may have together. Batches of SDKs and collectors have some
// thousands.
const maxParts = 100_000

// What one record may hold, or a resource or scope. SDKs stay far below: they keep 128 attributes, events and links.
const (
	maxValues = 10_000 // attributes, elements of lists and maps, events and links
	maxDepth  = 300    // messages within messages: a map within a map is three
)

var (
	errTooManyParts  = fmt.Errorf("it has more than %d resources, scopes and records: send smaller batches", maxParts)
	errTooManyValues = fmt.Errorf("it has more than %d attributes, events, links and nested values", maxValues)
	errTooDeep       = fmt.Errorf("its attributes are nested too deep: expected at most %d maps within each other", maxDepth/3)
)

// A keeper keeps records, each with its resource and scope.
type keeper interface {
	// holdResource and holdScope keep one until letGo, so that it is looked up once for all of its records.
	holdResource(data []byte) (*shared, error)
	holdScope(data []byte) (*shared, error)
	letGo(*shared)
	// keep returns why it refuses the record.
	keep(record []byte, resource, scope *shared) error
}

// refusals counts refused records, and has the reason for the last one.
type refusals struct {
	records int64
	reason  error
}

func (r *refusals) count(reason error) {
	if reason != nil {
		r.records, r.reason = r.records+1, reason
	}
}

// receive gives the records of an encoded request to k. With an error, none was kept.
func receive(request []byte, k keeper) (refused refusals, err error) {
	parts := 0
	if err := checkEnvelope(request, &parts, fieldResources, fieldScopes, fieldRecords); err != nil {
		return refused, err
	}
	for batch := range inner(request, fieldResources) {
		receiveBatch(batch, k, &refused)
	}
	return refused, nil
}

func receiveBatch(batch []byte, k keeper, refused *refusals) {
	resource, broken := k.holdResource(without(batch, fieldScopes))
	if broken == nil {
		defer k.letGo(resource)
	}
	for group := range inner(batch, fieldScopes) {
		var scope *shared
		err := broken
		if err == nil {
			scope, err = k.holdScope(without(group, fieldRecords))
		}
		for record := range inner(group, fieldRecords) {
			if err != nil {
				refused.count(err)
			} else {
				refused.count(k.keep(record, resource, scope))
			}
		}
		if err == nil {
			k.letGo(scope)
		}
	}
}

// check decodes data into message, and returns it as it may be kept: what is no UTF-8 in its texts is replaced by U+FFFD.
func check(data []byte, message proto.Message) ([]byte, error) {
	decode := proto.UnmarshalOptions{RecursionLimit: maxDepth}
	// A value takes at least two bytes.
	if len(data) <= 2*maxValues && decode.Unmarshal(data, message) == nil {
		return data, nil
	}
	values := 0
	cleaned, err := clean(data, message.ProtoReflect().Descriptor(), maxDepth, &values)
	if err == nil {
		err = decode.Unmarshal(cleaned, message)
	}
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", message.ProtoReflect().Descriptor().Name(), err)
	}
	return cleaned, nil
}

// valueBytes is what a kept value counts at least: encoded, an empty one takes two bytes, but decoded, to be shown, 100.
const valueBytes = 16

// cost is the memory that kept data counts. The allocator rounds up to its size classes, by an eighth at most for what a span
// or record usually takes.
func cost(data []byte, values int) int64 {
	return max(int64(len(data)+len(data)/8), int64(values*valueBytes))
}

// valuesIn counts attributes and what is nested in them.
func valuesIn(attributes []*commonpb.KeyValue) int {
	n := len(attributes)
	for _, a := range attributes {
		n += nestedIn(a.GetValue())
	}
	return n
}

func nestedIn(value *commonpb.AnyValue) int {
	n := valuesIn(value.GetKvlistValue().GetValues()) + len(value.GetArrayValue().GetValues())
	for _, element := range value.GetArrayValue().GetValues() {
		n += nestedIn(element)
	}
	return n
}

// clean makes the texts of an encoded message valid UTF-8, and counts the attributes and so on in it. It returns data itself if there
// was nothing to replace.
func clean(data []byte, of protoreflect.MessageDescriptor, depth int, values *int) ([]byte, error) {
	if depth == 0 {
		return nil, errTooDeep
	}
	var changed []byte // what comes before done, cleaned
	done, at := 0, 0
	for f, err := range fields(data) {
		if err != nil {
			return nil, err
		}
		at += len(f.whole)
		known := of.Fields().ByNumber(f.number)
		if known == nil || f.kind != protowire.BytesType {
			continue
		}
		value := f.value
		switch known.Kind() {
		case protoreflect.StringKind:
			value = bytes.ToValidUTF8(value, []byte("\uFFFD"))
		case protoreflect.MessageKind:
			if known.IsList() { // attributes are, their values are not
				*values++
			}
			if *values > maxValues {
				return nil, errTooManyValues
			}
			if value, err = clean(value, known.Message(), depth-1, values); err != nil {
				return nil, err
			}
		default:
			continue
		}
		if !bytes.Equal(value, f.value) {
			changed = append(changed, data[done:at-len(f.whole)]...)
			changed = appendBytes(changed, f.number, value)
			done = at
		}
	}
	if changed == nil {
		return data, nil
	}
	return append(changed, data[done:]...), nil
}

// A wireField is one field of an encoded message.
type wireField struct {
	number protowire.Number
	kind   protowire.Type
	whole  []byte // with its number
	value  []byte // of text, bytes or a message
}

// fields returns the fields of an encoded message, and ends with the first error.
func fields(data []byte) iter.Seq2[wireField, error] {
	return func(yield func(wireField, error) bool) {
		for len(data) > 0 {
			number, kind, size := protowire.ConsumeField(data)
			if size < 0 {
				yield(wireField{}, protowire.ParseError(size))
				return
			}
			f := wireField{number: number, kind: kind, whole: data[:size]}
			if kind == protowire.BytesType {
				_, _, tag := protowire.ConsumeTag(data)
				f.value, _ = protowire.ConsumeBytes(data[tag:])
			}
			if !yield(f, nil) {
				return
			}
			data = data[size:]
		}
	}
}

// checkEnvelope reports whether a request can be cut into records, and counts the parts. The path has the fields that lead to
// the records.
func checkEnvelope(data []byte, parts *int, path ...protowire.Number) error {
	for f, err := range fields(data) {
		if err != nil {
			return err
		}
		if len(path) == 0 || !f.is(path[0]) {
			continue
		}
		if *parts++; *parts > maxParts {
			return errTooManyParts
		}
		if len(path) > 1 {
			if err := checkEnvelope(f.value, parts, path[1:]...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f wireField) is(message protowire.Number) bool {
	return f.number == message && f.kind == protowire.BytesType
}

// inner returns the messages in a field, encoded. The data was checked.
func inner(data []byte, number protowire.Number) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for f, err := range fields(data) {
			if err != nil || f.is(number) && !yield(f.value) {
				return
			}
		}
	}
}

// without returns an encoded message without a field. The data was checked.
func without(data []byte, number protowire.Number) (rest []byte) {
	for f, err := range fields(data) {
		if err == nil && !f.is(number) {
			rest = append(rest, f.whole...)
		}
	}
	return rest
}

func appendBytes(b []byte, field protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), value)
}
