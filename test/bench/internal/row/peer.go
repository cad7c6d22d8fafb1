package row

import (
	"context"
	"strconv"

	"example.com/clew/test/bench/internal/report"
)

// peer measures another library at a task, publish or consume, in a program of its own: no module of ours needs the library.
func peer(library, task string) measureFunc {
	return func(ctx context.Context, b *Bench) (report.Result, error) {
		url, err := b.redis(ctx, "")
		if err != nil {
			return report.Result{}, err
		}
		return runProgram(ctx, b.peers, "-redis", url, "-messages", strconv.Itoa(b.sizes.Peers),
			"-profile", b.profileOf(b.row), library, task)
	}
}
