// Package clew is what watches Clew, as files that more than one program reads: Prometheus in the full stack, and the
// engine of the viewer where there is none. It exists because Go embeds only what is below the file that says so.
package clew

import "embed"

// Rules are Prometheus's recording and alerting rules.
//
//go:embed observability/prometheus/rules/*.yml
var Rules embed.FS
