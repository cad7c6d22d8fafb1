package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"example.com/clew/loadtest/internal/report"
	"example.com/clew/loadtest/internal/result"
)

// outputs are where a result is shown and written.
type outputs struct {
	JSON string `name:"json" placeholder:"FILE" help:"Write all that was measured; - is standard output."`
	HTML string `name:"html" placeholder:"FILE" help:"Write a page; - is standard output."`

	quiet bool
}

// check returns an error if a file could not be written.
func (o *outputs) check() error {
	for _, path := range []string{o.JSON, o.HTML} {
		if path == "" {
			continue
		}
		if err := result.Check(path); err != nil {
			return err
		}
	}
	if o.JSON != "" && o.JSON == o.HTML {
		return fmt.Errorf("--json and --html both name %s: name two files", o.JSON)
	}
	return nil
}

// out is where the run is shown to people, and whether in colours: not on standard output if a file is written there.
func (o *outputs) out() (out io.Writer, colour bool) {
	switch {
	case o.quiet:
		return io.Discard, false
	case o.JSON == result.Stdout || o.HTML == result.Stdout:
		return os.Stderr, term.IsTerminal(int(os.Stderr.Fd()))
	}
	return os.Stdout, term.IsTerminal(int(os.Stdout.Fd()))
}

// report prints the result and writes its files, also if the target went away (gone). If one cannot be written, the others still
// are.
func (o *outputs) report(r result.Result, gone error) error {
	out, colour := o.out()
	problems := []error{report.Table(out, r, colour), gone}
	if o.JSON != "" {
		problems = append(problems, r.Write(o.JSON))
	}
	if o.HTML != "" {
		problems = append(problems, result.Replace(o.HTML, func(w io.Writer) error { return report.HTML(w, r) }))
	}
	if err := errors.Join(problems...); err != nil {
		return withCode(exitNotJudged, err)
	}
	switch r.Verdict {
	case result.Passed:
		return nil
	case result.Failed:
		return silent(exitFailed)
	default:
		return silent(exitNotJudged)
	}
}
