package main

import (
	"example.com/clew/loadtest/internal/merge"
	"example.com/clew/loadtest/internal/result"
)

type mergeCmd struct {
	Shards []string `arg:"" name:"shard" help:"The result of each shard, as run --json wrote it."`
	outputs
}

// Run prints the verdict on the whole run.
func (c *mergeCmd) Run() error {
	if err := c.check(); err != nil {
		return withCode(exitUsage, err)
	}
	var parts []merge.Part
	for _, path := range c.Shards {
		r, err := result.Read(path)
		if err != nil {
			return withCode(exitUsage, err)
		}
		parts = append(parts, merge.Part{Path: path, Result: r})
	}
	merged, err := merge.Merge(parts)
	if err != nil {
		return withCode(exitUsage, err)
	}
	return c.report(merged, nil)
}
