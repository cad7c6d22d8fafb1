// Package page is the viewer's page for orders, traces, streams, dashboards, alerts and documents, and the API that it uses besides that
// of package viewer.
//
//   - page.go: New has all paths, and writes their answers;
//   - static.go: the page's files, from the folder static; they need no build;
//   - orders.go: requests for orders are forwarded to the order API;
//   - Streams, in page.go: streams and dead letters; the program that uses this package provides them, and answers the Questions
//     about them and about the processes that it runs;
//   - definitions.go: dashboards and runbooks, from the files that Grafana and Prometheus use;
//   - documents.go: lessons and documents; markdown.go renders them, links.go leads their links to pages;
//   - commands.go: the commands of lessons, which the program that uses this package runs;
//   - routes.go: between which services and streams messages travel, for the map;
//   - changes.go: changes, as a stream of events.
//
// Promised: without the token nothing can be changed, except that orders can be placed; a Content-Security-Policy keeps the
// browser from other hosts; text of an order stays text; only commands that stand in
// a lesson are run.
//
// Not promised: a check of a request's host or origin. The caller adds it; see viewer.Run.
package page
