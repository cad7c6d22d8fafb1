package result

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value writes the value of a threshold's metric, in the unit that the metric's name implies.
func Value(metric string, v float64) string {
	switch {
	case strings.HasSuffix(metric, "_rate"):
		return Share(v)
	case strings.Contains(metric, "seconds"), strings.Contains(metric, "_p"), strings.HasPrefix(metric, DueToSent),
		strings.HasPrefix(metric, HTTP), strings.HasPrefix(metric, EndToEnd), strings.HasPrefix(metric, StreamAdd):
		return Seconds(v)
	}
	return Number(v)
}

// Seconds writes a time with three digits: 870µs, 41.2ms, 1.30s, 2m05s.
func Seconds(s float64) string {
	switch d := math.Abs(s); {
	case d == 0:
		return "0"
	case d < 999.5e-6:
		return threeDigits(s*1e6) + "µs"
	case d < 999.5e-3:
		return threeDigits(s*1e3) + "ms"
	case d < 99.95:
		return threeDigits(s) + "s"
	}
	whole := time.Duration(math.Round(s)) * time.Second
	text := fmt.Sprintf("%dm%02ds", int(math.Abs(whole.Minutes())), int(math.Abs(whole.Seconds()))%60)
	if s < 0 {
		return "-" + text
	}
	return text
}

func threeDigits(v float64) string {
	switch d := math.Abs(v); {
	case d < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case d < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// Share writes 0.9993 as 99.93%. Only nothing is 0%, and only all is 100%.
func Share(s float64) string {
	switch {
	case s > 0 && s < 0.00005:
		return "<0.01%"
	case s < 1 && s > 0.99995:
		return ">99.99%"
	}
	return trimZeros(strconv.FormatFloat(s*100, 'f', 2, 64)) + "%"
}

// Number writes 12345.6 as 12 346 and 0.25 as 0.25.
func Number(v float64) string {
	if math.Abs(v) < 100 {
		return trimZeros(strconv.FormatFloat(v, 'f', 2, 64))
	}
	return Count(int(math.Round(v)))
}

// Count writes 12345 as 12 345, with a space at which no line breaks.
func Count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u00a0" + text[i:]
	}
	return text
}

func trimZeros(decimal string) string {
	return strings.TrimSuffix(strings.TrimRight(decimal, "0"), ".")
}

// Span writes a round time without zeros at its end: 10ms, 2.5s, 30s, 2m, 1h30m.
func Span(seconds float64) string {
	d := time.Duration(math.Round(seconds * 1e9))
	switch {
	case d > time.Second:
		d = d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		d = d.Round(10 * time.Microsecond)
	}
	text := d.String()
	for _, zeros := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zeros) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// Load describes the offered load: 100/s for 30s, poisson, warm-up 3s.
func (s Settings) Load() string {
	var parts []string
	for _, stage := range s.Stages {
		if stage.From == stage.To {
			parts = append(parts, fmt.Sprintf("%s/s for %s", Number(stage.From), Span(stage.Duration)))
		} else {
			parts = append(parts, fmt.Sprintf("%s to %s/s in %s", Number(stage.From), Number(stage.To), Span(stage.Duration)))
		}
	}
	return strings.Join(append(parts, s.Arrivals, "warm-up "+Span(s.WarmUp)), ", ")
}

// Orders describes the mix of orders: 5% test-invalid, the rest load-001 to load-200.
func (s Settings) Orders() string {
	if s.Target == "stream" {
		return "none: test.ping.v1, which is handled by doing nothing"
	}
	text := ""
	for _, sku := range slices.Sorted(maps.Keys(s.Mix)) {
		text += Share(s.Mix[sku]) + " " + sku + ", "
	}
	return text + "the rest load-001 to load-200"
}

// Refusals says how often each of Totals.Errors came, the most frequent first: 45 answers were 503, 2 requests failed: timeout.
func Refusals(errors map[string]int) string {
	names := slices.SortedFunc(maps.Keys(errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(errors[b], errors[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		n, of := errors[name], "requests failed: "
		if _, err := strconv.Atoi(name); err == nil {
			of = "answers were "
		}
		if n == 1 {
			of = strings.Replace(strings.Replace(of, "s were", " was", 1), "requests", "request", 1)
		}
		names[i] = Count(n) + " " + of + name
	}
	return strings.Join(names, ", ")
}

// Machine describes the machine of the run.
func (e Environment) Machine() string {
	if e.OS == "" { // of a merged result
		return "one for each shard"
	}
	return fmt.Sprintf("%s, %d cores, %s", e.CPU, e.Cores, e.OS)
}

// Title names the scenario, and the shards that the result is about: smoke, shard 2/4.
func (r Result) Title() string {
	switch n := len(r.Shards); {
	case n == 0:
		return r.Scenario
	case n == 1:
		return r.Scenario + ", shard " + r.Shards[0].Name()
	case n < r.Shards[0].Of:
		return fmt.Sprintf("%s, %d of %d shards", r.Scenario, n, r.Shards[0].Of)
	default:
		return fmt.Sprintf("%s, %d shards", r.Scenario, n)
	}
}

// Name names a shard as --shard does: 2/4.
func (s Shard) Name() string { return fmt.Sprintf("%d/%d", s.Number, s.Of) }
