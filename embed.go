// Package clew embeds the files that observe Clew: rules, dashboards and runbooks. Prometheus and Grafana read them in the full
// stack, the viewer elsewhere. The package is at the root because Go embeds only files below the package's folder.
package clew

import "embed"

// Rules are Prometheus's recording and alerting rules.
//
//go:embed observability/prometheus/rules/*.yml
var Rules embed.FS

// Dashboards are Grafana's dashboards.
//
//go:embed grafana/dashboards/*.json
var Dashboards embed.FS

// Runbooks has a file <Alert>.md for each alert.
//
//go:embed observability/runbooks/*.md
var Runbooks embed.FS
