package messaging

import (
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// The fields of an entry, the names of CloudEvents 1.0 attributes. Every further field is a header.
const (
	fieldSpecVersion     = "specversion"
	fieldID              = "id"
	fieldSource          = "source"
	fieldType            = "type"
	fieldSubject         = "subject"
	fieldTime            = "time"
	fieldDataContentType = "datacontenttype"
	fieldData            = "data"

	specVersion = "1.0"
	contentType = "application/json"

	// An attribute is a name or an id. A longer one is a mistake, and would get into spans and logs.
	maxAttributeBytes = 256
)

// encode returns the fields and values of a message's entry, in an order that is easy to read. Without withContext the
// entry has no trace context, but keeps its baggage. The value of data is not a copy: whoever changes the message changes it.
func encode(m Message, withContext bool) ([]string, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	fields := make([]string, 0, 16+2*len(m.Headers))
	fields = append(fields,
		fieldSpecVersion, specVersion,
		fieldID, m.ID,
		fieldSource, m.Source,
		fieldType, m.Type,
	)
	if m.Subject != "" { // CloudEvents: a subject, if there is one, is not empty
		fields = append(fields, fieldSubject, m.Subject)
	}
	fields = append(fields,
		fieldTime, m.Time.UTC().Format(time.RFC3339Nano),
		fieldDataContentType, contentType,
		fieldData, unsafe.String(unsafe.SliceData(m.Data), len(m.Data)),
	)
	for name, value := range m.Headers {
		if withContext || name != "traceparent" && name != "tracestate" {
			fields = append(fields, name, value)
		}
	}
	return fields, nil
}

// decode reads an entry, which any program may have written. Its error names the first field that is not as expected.
func decode(stream string, entry redis.XMessage) (Message, error) {
	m := Message{Stream: stream, Headers: Headers{}}
	var spec, created, content string
	for name, value := range entry.Values {
		text, _ := value.(string)
		switch name {
		case fieldSpecVersion:
			spec = text
		case fieldID:
			m.ID = text
		case fieldSource:
			m.Source = text
		case fieldType:
			m.Type = text
		case fieldSubject:
			m.Subject = text
		case fieldTime:
			created = text
		case fieldDataContentType:
			content = text
		case fieldData:
			m.Data = unsafe.Slice(unsafe.StringData(text), len(text)) // not copied: the entry is given up
		default:
			m.Headers[name] = text
		}
	}
	if spec != specVersion {
		return m, fmt.Errorf("field specversion is %.20q, expected %q", spec, specVersion)
	}
	// Without a content type CloudEvents means JSON too.
	if content != "" && content != contentType && !strings.HasPrefix(content, contentType+";") {
		return m, fmt.Errorf("field datacontenttype is %.80q, expected %q", content, contentType)
	}
	if created != "" {
		var err error
		if m.Time, err = time.Parse(time.RFC3339Nano, created); err != nil {
			return m, fmt.Errorf("field time is %.40q, expected RFC 3339 such as 2026-01-02T15:04:05.678Z", created)
		}
	}
	return m, check(m)
}

// check validates a message's attributes and size. Publishers and consumers call it.
func check(m Message) error {
	for _, attribute := range [...]struct{ name, value string }{
		{fieldID, m.ID}, {fieldSource, m.Source}, {fieldType, m.Type},
	} {
		if attribute.value == "" {
			return fmt.Errorf("field %s is missing", attribute.name)
		}
		if err := checkText(attribute.name, attribute.value); err != nil {
			return err
		}
	}
	if err := checkText(fieldSubject, m.Subject); err != nil {
		return err
	}
	switch {
	case len(m.Data) == 0:
		return fmt.Errorf("field %s is missing", fieldData)
	case len(m.Data) > MaxDataBytes:
		return tooLarge(len(m.Data))
	}
	return nil
}

// checkText refuses text that is too long, or that CloudEvents does not allow: that would break the export of a whole batch
// of spans.
func checkText(name, value string) error {
	if len(value) > maxAttributeBytes {
		return fmt.Errorf("field %s has %d bytes, at most %d", name, len(value), maxAttributeBytes)
	}
	if !isClean(value) {
		return fmt.Errorf("field %s is %.80q, expected text without control characters", name, value)
	}
	return nil
}
