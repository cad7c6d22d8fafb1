package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"example.com/clew/clew/internal/terminal"
)

// dlqListCmd shows the dead letters.
type dlqListCmd struct {
	JSON bool `help:"Print JSON: a list."`
}

// Run prints two lines for each dead letter: what it is, and why it is here.
func (c *dlqListCmd) Run(ctx context.Context) error {
	admin, done, err := newAdmin(nil)
	if err != nil {
		return err
	}
	defer done()
	all, err := deadLetters(ctx, admin)
	if err != nil {
		return err
	}
	if c.JSON {
		return terminal.JSON(os.Stdout, all)
	}
	if len(all) == 0 {
		terminal.Printf(os.Stdout, "there are no dead letters\n")
		return nil
	}
	printDeadLetters(os.Stdout, all, time.Now())
	return nil
}

func printDeadLetters(w io.Writer, all []deadLetter, now time.Time) {
	const width, reasons, ages = 80, 15, 7 // "unknown_version" is the longest reason
	ids := 0
	for _, d := range all {
		ids = max(ids, len(d.ID))
	}
	cut := func(text string, most int) string { return terminal.Clip(terminal.Clean(text), most) }
	line := func(id, reason, attempts, age, eventType string) {
		text := fmt.Sprintf("%-*s  %-*s  %5s  %*s  %s", ids, id, reasons, cut(reason, reasons), attempts, ages, age, eventType)
		terminal.Printf(w, "%s\n", cut(text, width))
	}
	line("ID", "REASON", "TRIES", "AGE", "TYPE")
	for _, d := range all {
		age := terminal.Duration(now.Sub(d.Time))
		line(d.ID, d.Reason, strconv.FormatInt(d.Attempts, 10), age, d.Type)
		terminal.Printf(w, "  %s\n", cut(cmp.Or(d.Subject, "no subject")+": "+d.Error, width-2))
	}
}
