package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/clew/clew/internal/terminal"
)

// dlqShowCmd shows a dead letter.
type dlqShowCmd struct {
	ID string `arg:"" help:"As clew dlq list shows it, such as orders/0/1795240000000-0."`
}

// Run prints why it is a dead letter, the message as it was, and what can be done.
func (c *dlqShowCmd) Run(ctx context.Context) error {
	admin, done, err := newAdmin(nil)
	if err != nil {
		return err
	}
	defer done()
	all, err := deadLetters(ctx, admin)
	if err != nil {
		return err
	}
	d, err := find(all, c.ID)
	if err != nil {
		return err
	}
	printDeadLetter(os.Stdout, d)
	return nil
}

func printDeadLetter(w io.Writer, d deadLetter) {
	field := func(name, value string) {
		if value != "" {
			terminal.Printf(w, "  %-16s %s\n", name, value)
		}
	}
	at := func(name string, t time.Time) {
		if !t.IsZero() {
			field(name, t.Format(time.RFC3339Nano))
		}
	}
	terminal.Printf(w, "dead letter %s\n\n", d.ID)
	field("reason", d.Reason)
	field("error", d.Error)
	field("attempts", fmt.Sprint(d.Attempts))
	field("group", d.Group)
	field("consumer", d.Consumer)
	at("at", d.Time)
	field("entry", d.Stream+" "+d.EntryID)
	field("redriven before", fmt.Sprint(d.Redrives))

	m := d.Message
	terminal.Printf(w, "\nthe message as it was\n\n")
	field("id", m.ID)
	field("source", m.Source)
	field("type", m.Type)
	field("subject", m.Subject)
	at("time", m.Time)
	trace := ""
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		value := m.Headers.Get(name)
		if parts := strings.Split(value, "-"); name == "traceparent" && len(parts) == 4 {
			trace = parts[1]
			value += "  <- its trace"
		}
		field(name, value)
	}
	if len(m.Data) > 0 {
		terminal.Printf(w, "  data\n")
	}
	for line := range strings.Lines(readable(m.Data)) {
		// Cleaning drops what the line is indented with.
		indent := len(line) - len(strings.TrimLeft(line, " "))
		terminal.Printf(w, "    %*s%s\n", indent, "", line)
	}

	terminal.Printf(w, "\n  clew dlq redrive %s\n      gives it back to the group %s\n", d.ID, d.Group)
	terminal.Printf(w, "  clew dlq discard %s\n      deletes it for good\n", d.ID)
	if trace != "" {
		terminal.Printf(w, "  clew trace %s\n      shows how it came here\n", trace)
	}
}

// readable is a payload, a field a line if it is JSON.
func readable(data []byte) string {
	var indented bytes.Buffer
	if json.Indent(&indented, data, "", "  ") != nil {
		return string(data)
	}
	return indented.String()
}
