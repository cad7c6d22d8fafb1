package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"example.com/clew/loadtest/internal/compare"
	"example.com/clew/loadtest/internal/report"
	"example.com/clew/loadtest/internal/result"
)

type compareCmd struct {
	A         string  `arg:"" help:"The earlier run, as --json wrote it."`
	B         string  `arg:"" help:"The later one."`
	Tolerance float64 `default:"5" placeholder:"PERCENT" help:"By how much a figure may be worse (${default})."`
	Seed      uint64  `default:"1" help:"Seed of the random draws for the intervals."`
	HTML      string  `name:"html" placeholder:"FILE" help:"Write a page, too."`
}

// Run prints both runs side by side.
func (c *compareCmd) Run() error {
	a, err := result.Read(c.A)
	if err != nil {
		return withCode(exitUsage, err)
	}
	b, err := result.Read(c.B)
	if err != nil {
		return withCode(exitUsage, err)
	}
	comparison := compare.Compare(a, b, compare.Options{Tolerance: c.Tolerance / 100, Seed: c.Seed})
	if err := report.ComparisonTable(os.Stdout, comparison, term.IsTerminal(int(os.Stdout.Fd()))); err != nil {
		return err
	}
	if c.HTML != "" {
		if err := result.Replace(c.HTML, func(w io.Writer) error { return report.ComparisonHTML(w, comparison) }); err != nil {
			return err
		}
	}
	if comparison.Regressed() {
		return silent(exitFailed)
	}
	return nil
}
