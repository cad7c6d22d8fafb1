package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"go.opentelemetry.io/otel/trace"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/clew/state"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
)

// streams are those that there are.
var streams = [...]string{contracts.Orders{}.Name(), contracts.Stock{}.Name()}

// streamsCmd is about streams and their consumer groups.
type streamsCmd struct {
	List        streamsListCmd `cmd:"" default:"withargs" help:"Show each partition and group (the default)."`
	ForgetGroup forgetGroupCmd `cmd:"" help:"Remove a group that will never read again and keeps its stream from being trimmed."`
	Partitions  partitionsCmd  `cmd:"" help:"Change the number of partitions while no service runs."`
}

// streamsListCmd shows what waits where.
type streamsListCmd struct {
	JSON bool `help:"Print JSON: a list of partitions with their groups."`
}

// Run prints a line for each group of each partition of each stream. If a node of a cluster does not answer, it prints those of the
// others, and fails.
func (c *streamsListCmd) Run(ctx context.Context) error {
	admin, done, err := newAdmin(nil)
	if err != nil {
		return err
	}
	defer done()
	all, first := []messaging.StreamInfo{}, error(nil)
	for _, stream := range streams {
		partitions, err := admin.Streams(ctx, stream)
		all = append(all, partitions...)
		if first == nil {
			first = err
		}
	}
	switch {
	case len(all) == 0:
		return first
	case c.JSON:
		return errors.Join(first, terminal.JSON(os.Stdout, all))
	default:
		return errors.Join(first, printStreams(os.Stdout, all))
	}
}

// printStreams prints a partition without groups, too. Behind is how old the oldest message is that a group has not
// been given. Which server has a partition is of interest where there are several.
func printStreams(w io.Writer, all []messaging.StreamInfo) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	several := slices.ContainsFunc(all, func(s messaging.StreamInfo) bool { return s.Master != "" })
	row := func(master string, columns ...any) {
		format := strings.Repeat("%v\t", len(columns)-1) + "%v"
		if several {
			format += "\t%s"
			columns = append(columns, master)
		}
		terminal.Printf(table, format+"\n", columns...)
	}
	row("MASTER", "STREAM", "MESSAGES", "DEAD", "GROUP", "CONSUMERS", "PENDING", "LAG", "BEHIND")
	for _, s := range all {
		place := fmt.Sprintf("%s/%d", s.Stream, s.Partition)
		if len(s.Groups) == 0 {
			row(s.Master, place, s.Messages, s.DeadLetters, "-", "-", "-", "-", "-")
		}
		for _, g := range s.Groups {
			lag := strconv.FormatInt(g.Lag, 10)
			if g.LagCapped {
				lag += "+"
			}
			name := terminal.Clip(terminal.Clean(g.Name), 16)
			behind := terminal.Duration(time.Duration(g.LagSeconds * float64(time.Second)))
			row(s.Master, place, s.Messages, s.DeadLetters, name, g.Consumers, g.Pending, lag, behind)
		}
	}
	return table.Flush()
}

// forgetGroupCmd removes a consumer group.
type forgetGroupCmd struct {
	Stream string `arg:"" enum:"orders,stock" help:"orders or stock."`
	Group  string `arg:"" help:"The group, as clew streams shows it."`
}

// Run removes the group from every partition, with what it has pending. One that somebody still reads with comes back,
// and is given everything again.
func (c *forgetGroupCmd) Run(ctx context.Context) error {
	admin, done, err := newAdmin(nil)
	if err != nil {
		return err
	}
	defer done()
	found, err := admin.ForgetGroup(ctx, c.Stream, c.Group)
	if err != nil {
		return err
	}
	if !found {
		return c.unknown(ctx, admin)
	}
	terminal.Printf(os.Stdout, "the stream %s has no group %s any more\n", c.Stream, c.Group)
	return nil
}

// unknown says which groups there are.
func (c *forgetGroupCmd) unknown(ctx context.Context, admin *messaging.Admin) error {
	partitions, err := admin.Streams(ctx, c.Stream)
	if err != nil {
		return err
	}
	var groups []string
	for _, p := range partitions {
		for _, g := range p.Groups {
			groups = append(groups, terminal.Clean(g.Name))
		}
	}
	slices.Sort(groups)
	return fmt.Errorf("the stream %s has no group %q (it has: %s)", c.Stream, c.Group, strings.Join(slices.Compact(groups), ", "))
}

// partitionsCmd changes how many partitions each stream has.
type partitionsCmd struct {
	Number int `arg:"" help:"1 to 256."`
}

// Run refuses while somebody consumes, and where messages would be left behind.
func (c *partitionsCmd) Run(ctx context.Context) error {
	admin, done, err := newAdmin(nil)
	if err != nil {
		return err
	}
	defer done()
	alive, err := admin.LivingConsumers(ctx, streams[:]...)
	if err != nil {
		return err
	}
	if len(alive) > 0 {
		return fmt.Errorf("%s was heard of in the last 15 s: stop all services first, or, without Docker, "+
			"`clew down` and then `CLEW_PARTITIONS=%d clew up`, which changes the number itself", terminal.Clean(alive[0]), c.Number)
	}
	if err := admin.SetPartitions(ctx, c.Number, streams[:]...); err != nil {
		return err
	}
	terminal.Printf(os.Stdout, "each stream has %d partitions from now on: start all services with CLEW_PARTITIONS=%[1]d\n", c.Number)
	return nil
}

// newAdmin returns an admin of what runs here, and what closes its connection.
func newAdmin(tp trace.TracerProvider) (admin *messaging.Admin, done func(), err error) {
	running, err := state.Load(state.Dir())
	if err != nil {
		return nil, nil, err
	}
	client, err := messaging.Connect(running.Redis)
	if err != nil {
		return nil, nil, err
	}
	streams := messaging.New(client, messaging.Config{Partitions: running.Partitions, TracerProvider: tp})
	return streams.Admin(), func() { _ = client.Close() }, nil
}
