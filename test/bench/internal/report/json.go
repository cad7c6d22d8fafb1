package report

import (
	"encoding/json"
	"fmt"
	"os"
)

// A Line is a row in BENCH_JSON: the medians, for other programs.
type Line struct {
	Name  string   `json:"name"`
	Value *float64 `json:"value"` // nil if it was not measured
	Unit  string   `json:"unit"`
	Ratio *float64 `json:"ratio"` // nil if it has no floor
	X     int      `json:"x,omitempty"`
	Of    string   `json:"of,omitempty"`
}

func linesOf(all []Series) []Line {
	lines := make([]Line, len(all))
	for i, s := range all {
		lines[i] = Line{Name: s.Name, Unit: s.Unit, X: s.X, Of: s.Of}
		if len(s.Results) > 0 {
			value := median(s.of(value))
			lines[i].Value = &value
		}
		if ratio, ok := s.ratio(); ok {
			lines[i].Ratio = &ratio
		}
	}
	return lines
}

// WriteJSON writes the medians for other programs.
func WriteJSON(path string, all []Series) error {
	data, err := json.MarshalIndent(linesOf(all), "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("BENCH_JSON: %w", err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(path string) (lines []Line, err error) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &lines)
	}
	if err != nil {
		return nil, fmt.Errorf("BENCH_JSON: %w", err)
	}
	return lines, nil
}
