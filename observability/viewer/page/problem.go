package page

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// problem is an error for the page's reader (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string { return p.Detail }

// Problemf returns an error that is answered as a problem of this status; the text is for the page's reader.
func Problemf(status int, format string, args ...any) error { return problemf(status, format, args...) }

func problemf(status int, format string, args ...any) *problem {
	return &problem{http.StatusText(status), status, fmt.Sprintf(format, args...)}
}

// IsProblem reports whether err is of Problemf.
func IsProblem(err error) bool { return errors.As(err, new(*problem)) }

func asProblem(err error) *problem {
	if known := (*problem)(nil); errors.As(err, &known) {
		return known
	}
	return problemf(http.StatusInternalServerError, "%v", err)
}

func (p *problem) write(w http.ResponseWriter) {
	writeJSON(w, p.Status, "application/problem+json", p)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		http.Error(w, fmt.Sprintf("encode answer: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(data) // the browser went away; nobody is left to tell
}

// authorized refuses requests without the token (RFC 6750).
func (p *page) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, bears := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !bears || p.Token == "" || subtle.ConstantTimeCompare([]byte(given), []byte(p.Token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			problemf(http.StatusUnauthorized, "this needs the token: open the address that `clew up` prints").write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
