package main

import (
	"os"
	"text/tabwriter"

	"example.com/clew/loadtest/internal/scenario"
	"example.com/clew/loadtest/internal/terminal"
)

type scenariosCmd struct{}

// Run prints a line for each scenario.
func (*scenariosCmd) Run() error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, name := range scenario.Names() {
		s, err := scenario.Load(name)
		if err != nil {
			return err
		}
		terminal.Printf(table, "%s\t%.0f/s for %s\t%s\n", s.Name, s.Plan().Peak(), s.Plan().Duration(), s.Teaches)
	}
	return table.Flush()
}
