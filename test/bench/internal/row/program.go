package row

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
)

// runProgram runs one of bench's other programs, which measures and prints what that came to.
func runProgram(ctx context.Context, program string, arguments ...string) (report.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, child.Timeout)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	var said strings.Builder
	command.Env, command.Stderr = child.Inherited(), &said
	output, err := command.Output()
	if err != nil {
		return report.Result{}, errors.Join(err, errors.New(strings.TrimSpace(said.String())))
	}
	r := report.Result{Exported: report.Unknown, Dropped: report.Unknown}
	if err := json.Unmarshal(output, &r); err != nil {
		return report.Result{}, fmt.Errorf("read what %s measured: %w", filepath.Base(program), err)
	}
	return r, nil
}
