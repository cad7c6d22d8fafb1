// Package metrics replaces Prometheus when Clew runs without Docker. It uses Prometheus's own libraries for scraping, storage,
// queries, rules and HTTP API, so that dashboards, rules and queries are the same in both. This package only connects them.
//
// Data flows through the files in this order:
//
//   - engine.go: Open connects the parts; Run runs them, and closes the storage after the last request;
//   - targets.go: SetTargets sets the processes to scrape, at any time;
//   - storage.go: samples are kept in a folder for a day, exemplars as long as there is room;
//   - rules.go: rules are read from a file system, checked, and evaluated;
//   - api.go: GET /api/v1/… answers as Prometheus does, and GET /metrics shows the engine itself.
//
// Promised: a scraped series has the labels job and instance, and otherwise only its own; a target that does not answer has
// up 0, and the series of a removed target end; samples survive a restart, and kill -9; the API cannot write; constants in
// targets.go, api.go and storage.go bound the use of targets, queries and the folder.
//
// Not promised: exemplars older than the last maxExemplars; the last minutes before a power failure; notifications: there is no
// Alertmanager, alerts can only be queried. Nobody is authenticated: listen on loopback only.
package metrics
