package apiserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxDepth is the deepest nesting of a body.
const maxDepth = 32

// unmarshal decodes a body for huma: first into an any, for the check against the schema, then into the operation's input.
func unmarshal(data []byte, v any) error {
	into, untyped := v.(*any)
	if !untyped {
		return json.Unmarshal(data, v)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	value, err := decode(d, "body", 0)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = malformed("body", errors.New("expected nothing after the value"))
		}
	}
	*into = value
	return err
}

// An unfit value is valid JSON that no operation accepts. It fits no schema, so huma refuses it and names its field.
type unfit string

// decode reads a value. Unlike encoding/json, it refuses two values with one name, does not ignore null, and keeps whole
// numbers whole instead of making them floats.
func decode(d *json.Decoder, at string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, malformed(at, fmt.Errorf("expected at most %d levels", maxDepth))
	}
	token, err := d.Token()
	if err != nil {
		return nil, malformed(at, err)
	}
	switch token := token.(type) {
	case nil:
		return unfit("null"), nil
	case json.Number:
		if n, err := strconv.ParseInt(string(token), 10, 64); err == nil {
			return n, nil
		}
		return unfit(token), nil
	case json.Delim:
		var value any
		if token == '{' {
			value, err = decodeObject(d, at, depth)
		} else {
			value, err = decodeArray(d, at, depth)
		}
		if err == nil {
			if _, err = d.Token(); err != nil { // the end
				err = malformed(at, err)
			}
		}
		return value, err
	default:
		return token, nil
	}
}

func decodeObject(d *json.Decoder, at string, depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, malformed(at, err)
		}
		name := fmt.Sprint(token) // a string: the decoder takes nothing else here
		field := at + "." + name
		if _, twice := object[name]; twice {
			return nil, malformed(field, errors.New("expected once"))
		}
		if object[name], err = decode(d, field, depth+1); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func decodeArray(d *json.Decoder, at string, depth int) (any, error) {
	array := []any{}
	for d.More() {
		value, err := decode(d, fmt.Sprintf("%s[%d]", at, len(array)), depth+1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	return array, nil
}

// malformed is an error at a place in the body. huma hands on only its text, from which newProblem separates the place again.
func malformed(at string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return fmt.Errorf("%s%s%w", at, locationEnd, err)
}

const locationEnd = ": "
