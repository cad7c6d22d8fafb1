package page

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/redis/go-redis/v9"
)

// problem is an error for whoever sits at the page (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string { return p.Detail }

func problemf(status int, format string, args ...any) *problem {
	return &problem{http.StatusText(status), status, fmt.Sprintf(format, args...)}
}

// asProblem takes an error that is no problem for one of Redis's: nothing else is asked here that can fail.
func asProblem(err error) *problem {
	var known *problem
	var refused redis.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return problemf(http.StatusBadGateway, "Redis refused: %.500s", err)
	default:
		return problemf(http.StatusServiceUnavailable, "Redis does not answer; this shows again what it holds as soon as it does")
	}
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

// authorized refuses whoever does not bear the token (RFC 6750).
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
