package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/yuin/goldmark/ast"

	"example.com/clew/observability/telemetry/httpserver"
)

const (
	commandPatience = 50 * time.Second // with a command; the server ends an answer after 60 s
	maxCommands     = 4                // that run at once, of all readers
)

// Terminal runs the commands of lessons. The viewer does not know them, so the program that uses it implements this.
type Terminal interface {
	// Runs tells whether Run can run a command: it needs no shell, does not stop what runs, and ends by itself.
	Runs(command string) bool

	// Run runs a command and returns what it printed, its errors too, and its exit status. It kills the command when ctx ends.
	Run(ctx context.Context, command string) (output string, status int, err error)
}

// A command is a line in a lesson that the page can run.
type command struct {
	Block int    `json:"block"` // which code block of the document it is in, counted from 0
	Line  int    `json:"line"`  // which line of the block it is, from 0
	Text  string `json:"text"`  // with " &" at its end if the next one does not wait for it
	Asks  string `json:"asks"`  // ID or LETTER, if it has that in the place of an id that a command before it printed
	Check bool   `json:"check"` // it tells whether the lesson was done
}

var (
	placeholder = regexp.MustCompile(`\b(ID|LETTER)\b`)
	anID        = regexp.MustCompile(`^[0-9a-z][0-9a-z/-]{0,99}$`)
)

// commandsOf returns the lines in the shell blocks of a lesson that the terminal can run. Other documents have none: what
// they show is not for a running Clew.
func (p *page) commandsOf(m markdown) []command {
	all := []command{}
	if path.Dir(m.path) != lessonsFolder {
		return all
	}
	block, section := -1, ""
	_ = ast.Walk(m.document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.Heading:
			section = m.plain(n)
		case *ast.CodeBlock:
			block++
		case *ast.FencedCodeBlock:
			block++
			if string(n.Language(m.source)) != "sh" {
				break
			}
			for i := range n.Lines().Len() {
				at := n.Lines().At(i)
				text := strings.TrimSpace(string(at.Value(m.source)))
				if p.Terminal.Runs(placeholder.ReplaceAllString(strings.TrimSuffix(text, " &"), "1")) {
					all = append(all, command{block, i, text, placeholder.FindString(text), section == "Check"})
				}
			}
		}
		return ast.WalkContinue, nil
	})
	return all
}

// runCommand runs the command that stands at a place in a lesson, and answers what it printed.
func (p *page) runCommand(r *http.Request) (any, error) {
	var asked struct {
		Path        string
		Block, Line int
		ID          string
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 4<<10)).Decode(&asked); err != nil {
		return nil, httpserver.Problemf(http.StatusBadRequest, "read which command to run: %v; expected path, block, line and perhaps id", err)
	}
	source, err := fs.ReadFile(p.Documents, asked.Path)
	if err != nil {
		return nil, httpserver.Problemf(http.StatusNotFound, "there is no document %.200q", asked.Path)
	}
	commands := p.commandsOf(readMarkdown(asked.Path, source))
	i := slices.IndexFunc(commands, func(c command) bool { return c.Block == asked.Block && c.Line == asked.Line })
	if i < 0 {
		return nil, httpserver.Problemf(http.StatusNotFound, "line %d of block %d of %.200q is no command that can be run",
			asked.Line, asked.Block, asked.Path)
	}
	text := strings.TrimSuffix(commands[i].Text, " &")
	if commands[i].Asks != "" {
		if !anID.MatchString(asked.ID) {
			return nil, httpserver.Problemf(http.StatusBadRequest, "the command `%s` needs an id in the place of %s, got %.100q",
				text, commands[i].Asks, asked.ID)
		}
		text = placeholder.ReplaceAllString(text, asked.ID)
	}
	return p.run(r.Context(), text)
}

// run waits for its turn first: many readers cannot run many commands at once.
func (p *page) run(ctx context.Context, text string) (any, error) {
	select {
	case p.commands <- struct{}{}:
		defer func() { <-p.commands }()
	case <-ctx.Done():
		return nil, httpserver.Problemf(http.StatusServiceUnavailable, "other commands still run: try again when they have ended")
	}
	output, status, err := p.Terminal.Run(ctx, text)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		output += fmt.Sprintf("\nstopped, for it did not end within %s\n", commandPatience)
	case err != nil:
		return nil, fmt.Errorf("run %s: %w", text, err)
	}
	return map[string]any{"command": text, "output": output, "status": status}, nil
}
