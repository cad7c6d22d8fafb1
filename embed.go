// Package clew embeds the files that observe and explain Clew: rules, dashboards, runbooks and documents. Prometheus and Grafana
// read those that they need in the full stack, the viewer all elsewhere. The package is at the root because Go embeds only files
// below the package's folder, and of the same module: so the code that documents point to is not here.
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

// Documents are README, lessons, decisions and all other documents at their paths, with the pictures that they show, each in
// both themes where there are two.
//
//go:embed *.md LICENSE docs/*.md docs/*/*.md
//go:embed docs/screenshots/lesson-*.png docs/screenshots/page-orders-*.png docs/screenshots/report-*.png
//go:embed docs/screenshots/grafana-overview.png docs/charts/*.svg
var Documents embed.FS
