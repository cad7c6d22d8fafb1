// Package apiserver makes the HTTP API of a service: huma's typed operations, documented by OpenAPI, with requests that are
// read strictly, errors as problems, and a span for each request.
//
// An API is composed in one order, from the outside in:
//
//	OTel                   the SERVER span and metrics; outermost, so that refusals and failures are seen
//	└─ httpserver.Wrap     hosts, origins, panics, 404 and 405
//	   └─ mux              sets the request's pattern, which names the span
//	      └─ New           body and query read strictly; the operations, /openapi.json and /docs
//
// Nothing between OTel and the mux may copy the request (http.Request.WithContext does): the mux sets the pattern on
// the request it is given, and OTel reads it from the request it passed on. An admin server is httpserver.Wrap alone.
package apiserver
