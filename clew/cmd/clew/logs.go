package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/clew/clew/internal/logs"
	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
)

// logsCmd prints logs.
type logsCmd struct {
	Name   string `arg:"" optional:"" help:"A process, such as inventory-1, or all of a kind, such as inventory; all if missing."`
	Tail   int    `default:"100" help:"How many lines of each log to begin with (${default})."`
	Follow bool   `short:"f" help:"Go on printing new lines."`
}

// Run prints the last lines of each log, and what follows until ctx ends. It
// works while nothing runs too.
func (c *logsCmd) Run(ctx context.Context) error {
	if err := state.RefuseContainers(state.Dir()); err != nil {
		return err
	}
	readers, err := c.find(state.Dir())
	if err != nil {
		return err
	}
	for _, r := range readers {
		text, err := r.Last(c.Tail)
		if err != nil {
			return err
		}
		printLines(os.Stdout, r.Path, text, len(readers) > 1)
	}
	for c.Follow {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
		for _, r := range readers {
			text, err := r.Next()
			if err != nil {
				return err
			}
			printLines(os.Stdout, r.Path, text, len(readers) > 1)
		}
	}
	return nil
}

func (c *logsCmd) find(dir string) ([]*logs.Reader, error) {
	paths, err := filepath.Glob(logs.Path(dir, "*"))
	if err != nil {
		return nil, fmt.Errorf("find the logs: %w", err)
	}
	var readers []*logs.Reader
	var names []string
	for _, path := range paths {
		name := nameOf(path)
		names = append(names, name)
		if c.Name == "" || name == c.Name || strings.HasPrefix(name, c.Name+"-") {
			readers = append(readers, &logs.Reader{Path: path})
		}
	}
	if readers == nil {
		return nil, fmt.Errorf("there is no log of %q in %s (there are: %s)", c.Name, logs.Dir(dir), strings.Join(names, ", "))
	}
	return readers, nil
}

// printLines prints text, with the log's name before each line where there
// are several logs.
func printLines(w io.Writer, path string, text []byte, named bool) {
	for line := range bytes.Lines(text) {
		if named {
			terminal.Printf(w, "%-11s | ", nameOf(path))
		}
		terminal.Printf(w, "%s\n", line)
	}
}

func nameOf(path string) string { return strings.TrimSuffix(filepath.Base(path), ".log") }
