package clewtest

import "regexp"

// An Exception is a query of a dashboard that returns nothing without Docker, after a minute of orders of every kind and a
// load test.
type Exception struct {
	Dashboard string // its file
	Expr      *regexp.Regexp
	Reason    string
}

// NoData returns all of them.
func NoData() []Exception {
	return []Exception{
		{"overview.json", regexp.MustCompile(`^max by .*\(ALERTS\{`), "nothing need fire; see TestEachAlertFiresAndIsCleared"},
		{"telemetry.json", regexp.MustCompile(`\botelcol_`), "there is no collector without Docker"},
		{"telemetry.json", regexp.MustCompile(`\btraces_(spanmetrics|service_graph)_`), "there is no Tempo without Docker"},
	}
}
