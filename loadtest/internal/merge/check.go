package merge

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"example.com/clew/loadtest/internal/result"
	"example.com/clew/loadtest/internal/scenario"
)

// check returns an error unless the parts are different shards of one run.
func check(parts []Part) error {
	paths := map[int]string{}
	for _, p := range parts {
		if len(p.Shards) != 1 {
			return fmt.Errorf("%s is not of a shard: expected a result of loadtest run --shard", p.Path)
		}
		shard := p.Shards[0]
		if _, err := scenario.ParseShard(shard.Name(), ""); err != nil {
			return fmt.Errorf("%s is a damaged result: %w", p.Path, err)
		}
		if err := same(parts[0], p); err != nil {
			return err
		}
		if path, ok := paths[shard.Number]; ok {
			return fmt.Errorf("%s and %s are both of shard %s: name each once", path, p.Path, shard.Name())
		}
		paths[shard.Number] = p.Path
	}
	return nil
}

// same returns an error unless both parts are of one run.
func same(a, b Part) error {
	for _, property := range []struct {
		name string
		of   func(result.Result) string
	}{
		{"number of shards", func(r result.Result) string { return fmt.Sprint(r.Shards[0].Of) }},
		{"scenario", func(r result.Result) string { return r.Scenario }},
		{"load", func(r result.Result) string { return r.Settings.Load() }},
		{"seed", func(r result.Result) string { return fmt.Sprint(r.Settings.Seed) }},
		{"thresholds", texts},
		{"start", func(r result.Result) string { return r.Started.UTC().Format(time.RFC3339Nano) }},
		{"settings", settings},
	} {
		if ofA, ofB := property.of(a.Result), property.of(b.Result); ofA != ofB {
			return fmt.Errorf("%s is not of the same run as %s: %s %s, expected %s", b.Path, a.Path, property.name, ofB, ofA)
		}
	}
	return nil
}

func texts(r result.Result) string {
	var all []string
	for _, t := range r.Thresholds {
		all = append(all, t.Text)
	}
	return strings.Join(all, " ")
}

func settings(r result.Result) string {
	text, err := json.Marshal(r.Settings)
	if err != nil {
		return err.Error() // it was read from JSON
	}
	return string(text)
}
