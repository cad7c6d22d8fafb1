package httpserver

// NewServer is what Serve serves with: a test may shorten its timeouts.
var NewServer = newServer
