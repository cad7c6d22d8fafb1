package compare

import (
	"fmt"
	"strconv"

	"example.com/clew/loadtest/internal/result"
)

// warnings names the differences between the two runs' settings and machines. Another seed is no difference.
func warnings(a, b result.Result) (lines []string) {
	differ := func(what string, of func(result.Result) string) {
		if textA, textB := of(a), of(b); textA != textB {
			lines = append(lines, fmt.Sprintf("the %s differs: A %s; B %s", what, textA, textB))
		}
	}
	differ("target", func(r result.Result) string { return r.Settings.Target })
	differ("load", func(r result.Result) string { return r.Settings.Load() })
	differ("mix", func(r result.Result) string { return r.Settings.Orders() })
	differ("cap in flight", func(r result.Result) string { return strconv.Itoa(r.Settings.MaxInFlight) })
	differ("machine", func(r result.Result) string { return r.Environment.Machine() })
	differ("mode", func(r result.Result) string { return r.Environment.Mode })
	differ("Go version", func(r result.Result) string { return r.Environment.Go })
	differ("Redis version", func(r result.Result) string { return r.Environment.Redis })
	for i, r := range []result.Result{a, b} {
		if r.Verdict == result.NotJudged {
			lines = append(lines, fmt.Sprintf("run %c was not judged: %s", 'A'+i, r.Reason))
		}
	}
	return lines
}
