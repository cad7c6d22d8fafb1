package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"example.com/clew/clew/internal/terminal"
	"example.com/clew/services/messaging"
)

// dlqCmd is about the dead letters of every stream.
type dlqCmd struct {
	List    dlqListCmd    `cmd:"" help:"Show the dead letters."`
	Show    dlqShowCmd    `cmd:"" help:"Show one of them with everything it holds."`
	Redrive dlqRedriveCmd `cmd:"" help:"Give dead letters back to the group that gave them up."`
	Discard dlqDiscardCmd `cmd:"" help:"Delete dead letters for good."`
}

// deadLetter is one with what tells it from those of other streams and partitions.
type deadLetter struct {
	ID      string `json:"id"` // see deadLetterID
	Stream  string `json:"stream"`
	Type    string `json:"type"`
	Subject string `json:"subject"`
	messaging.DeadLetter
}

// deadLetterID is what the commands call a dead letter: its stream, partition and entry, as in
// orders/0/1795240000000-0.
func deadLetterID(stream string, d messaging.DeadLetter) string {
	return stream + "/" + strconv.Itoa(d.Partition) + "/" + d.ID
}

// String is what a person calls it.
func (d deadLetter) String() string {
	return fmt.Sprintf("%s (%s of %s)", d.ID, cmp.Or(d.Type, "no type"), cmp.Or(d.Subject, "no subject"))
}

// deadLetters lists those of all streams, the oldest first in each partition. It is never nil.
func deadLetters(ctx context.Context, admin *messaging.Admin) ([]deadLetter, error) {
	all := []deadLetter{}
	for _, stream := range streams {
		found, err := admin.DeadLetters(ctx, stream)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			all = append(all, deadLetter{deadLetterID(stream, d), stream, d.Message.Type, d.Message.Subject, d})
		}
	}
	return all, nil
}

// find returns the dead letter with an id.
func find(all []deadLetter, id string) (deadLetter, error) {
	i := slices.IndexFunc(all, func(d deadLetter) bool { return d.ID == id })
	if i >= 0 {
		return all[i], nil
	}
	if parts := strings.Split(id, "/"); len(parts) != 3 || !slices.Contains(streams[:], parts[0]) {
		return deadLetter{}, fmt.Errorf("%.80q is no dead letter's id, expected one such as orders/0/1795240000000-0", id)
	}
	return deadLetter{}, gone(id)
}

func gone(id string) error {
	return fmt.Errorf("there is no dead letter %.80s (any more): see `clew dlq list`", id)
}

// selection names the dead letters that a command is for.
type selection struct {
	IDs []string `arg:"" name:"id" optional:"" help:"As clew dlq list shows them, such as orders/0/1795240000000-0."`
	All bool     `help:"All there are."`
}

// Validate wants ids or --all, and not both.
func (s *selection) Validate() error {
	if s.All == (len(s.IDs) > 0) {
		return errors.New("expected the ids of dead letters, or --all")
	}
	return nil
}

// each does something to each dead letter selected. One that it can't be done to does not keep it from the others; the
// error tells of each.
func (s *selection) each(ctx context.Context, admin *messaging.Admin, do func(deadLetter) error) error {
	all, err := deadLetters(ctx, admin)
	if err != nil {
		return err
	}
	chosen := all
	var problems []error
	if !s.All {
		chosen = nil
		for _, id := range s.IDs {
			d, err := find(all, id)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			chosen = append(chosen, d)
		}
	}
	for _, d := range chosen {
		problems = append(problems, do(d))
	}
	if s.All && len(all) == 0 {
		terminal.Printf(os.Stdout, "there are no dead letters\n")
	}
	return errors.Join(problems...)
}
