package result

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Read reads a file that Write wrote. Lines around it, as a log may have them, are ignored. Its errors say what is wrong with the
// file, and what to do.
func Read(path string) (Result, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Result{}, fmt.Errorf("read a result: %w", err)
	}
	if i := bytes.Index(data, []byte("\n{\n")); i >= 0 && data[0] != '{' {
		data = data[i+1:]
	}
	var text json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&text); err != nil {
		return Result{}, fmt.Errorf("%s is not a result: %w; name a file that loadtest run --json wrote", path, err)
	}
	// Another version may have other types, so the version is read alone first.
	var layout struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(text, &layout); err != nil {
		return Result{}, fmt.Errorf("%s is not a result: %w; name a file that loadtest run --json wrote", path, err)
	}
	if layout.Version == nil {
		return Result{}, fmt.Errorf("%s is not a result: it has no version; name a file that loadtest run --json wrote", path)
	}
	if *layout.Version != Version {
		return Result{}, fmt.Errorf("%s has version %d of a result's layout, and this program reads version %d; "+
			"read it with the program that wrote it, or run the test again", path, *layout.Version, Version)
	}
	var r Result
	if err := json.Unmarshal(text, &r); err != nil {
		return Result{}, fmt.Errorf("%s is a damaged result: %w", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Latencies)) {
		if _, err := r.Latencies[name].Decode(); err != nil {
			return Result{}, fmt.Errorf("%s is a damaged result: latency %s: %w", path, name, err)
		}
	}
	return r, nil
}
