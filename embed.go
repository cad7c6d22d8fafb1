// Package clew is what watches Clew, as files that more than one program reads: Prometheus and Grafana in the full stack,
// and the viewer where there is none. It exists because Go embeds only what is below the file that says so.
package clew

import "embed"

// Rules are Prometheus's recording and alerting rules.
//
//go:embed observability/prometheus/rules/*.yml
var Rules embed.FS

// Dashboards are Grafana's.
//
//go:embed grafana/dashboards/*.json
var Dashboards embed.FS

// Runbooks say what to do about each alert, in files of the alerts' names.
//
//go:embed observability/runbooks/*.md
var Runbooks embed.FS
