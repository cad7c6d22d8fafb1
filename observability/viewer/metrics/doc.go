// Package metrics is the viewer's part for metrics: it takes the place of Prometheus when Clew runs without Docker. It
// is Prometheus, as far as Prometheus is a library: its scraping, storage, queries, rules and HTTP API, so that
// dashboards, rules and queries are the same in both. What is here is how they are put together.
//
// Data flows through the files in this order:
//
//   - engine.go: Open puts the parts together, Run runs them, and closes the storage when nobody reads any more;
//   - targets.go: SetTargets says which processes are scraped; they may come and go;
//   - storage.go: what they show is kept in a folder for a day, exemplars as far as there is room;
//   - rules.go: rules are read from a file system, checked, and evaluated;
//   - api.go: GET /api/v1/… answers as Prometheus does, and GET /metrics shows the engine itself.
//
// What is promised: a series that was scraped has the labels job and instance, and no others besides its own; a target
// that does not answer has up 0, and the series of one that is taken away end; what was scraped is there after a restart,
// also after kill -9; nobody can write; what a target, a query and the folder may take is bounded, by the constants in
// targets.go, api.go and storage.go.
//
// What is not promised: that an exemplar outlives maxExemplars others; that a power failure loses nothing of the last
// minutes; that alerts reach anyone, since there is no Alertmanager: they are asked for. Nobody is authenticated: listen
// on loopback only.
package metrics
