// Package page is the viewer's page: what a browser shows of orders, traces, streams, dashboards and alerts, and the API
// that it asks besides those of package viewer.
//
//   - page.go: New names all paths; problem.go is how they answer;
//   - static.go: the files of the page, which needs no build, from the folder static;
//   - orders.go: orders are asked of the order API, and placed there;
//   - Streams, in page.go: streams and dead letters, which are not known here; clew brings them;
//   - definitions.go: dashboards and runbooks, from the files that Grafana and Prometheus have;
//   - changes.go: what changed, as a stream of events.
//
// What is promised: nothing is changed without the token, but that an order is placed; no answer leads a browser to
// another host (a Content-Security-Policy says so); what is text in an order is JSON text here.
//
// What is not promised: a check of the host or the origin of a request. That is to be put around it; see viewer.Run.
package page
