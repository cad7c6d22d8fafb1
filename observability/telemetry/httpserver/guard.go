package httpserver

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard refuses web pages of other origins.
//
// The list of hosts stops DNS rebinding: if evil.example resolves to 127.0.0.1, a page of it has the same origin to the
// browser, but its requests still say Host: evil.example. An IP address cannot be rebound.
func guard(next http.Handler, allowedHosts []string) http.Handler {
	allowed := map[string]bool{"localhost": true}
	for _, name := range allowedHosts {
		allowed[hostname(name)] = true
	}
	var origins http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostname(r.Host)
		_, notIP := netip.ParseAddr(host)
		switch {
		case notIP != nil && !allowed[host]:
			// 421, not 403: RFC 9110 §15.5.20 has a status for a host that the server does not answer for.
			Problemf(http.StatusMisdirectedRequest, "the host %.100q is not served here; "+
				"use an IP address or localhost, or add the name to CLEW_ALLOWED_HOSTS and restart", host).Write(w)
		case origins.Check(r) != nil:
			Problemf(http.StatusForbidden, "%.100s from a web page of another origin is refused; "+
				"send it from a page of this server, or from a client that is not a browser", r.Method).Write(w)
		case isForeignRead(r):
			Problemf(http.StatusForbidden, "a request from a page of another site is refused; "+
				"open this address in the browser itself, or ask from a client that is not a browser").Write(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isForeignRead reports whether a page of another site loads something from here, as it can with an image. The browser keeps
// the answer from it, but the work is done. To follow a link to here is allowed, but not to show this server within that page.
func isForeignRead(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "cross-site" {
		return false
	}
	to := r.Header.Get("Sec-Fetch-Dest")
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || to != "" && to != "document"
}

// hostname is a Host header without port, brackets and the root's dot, in lower case.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[] ")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
