package messaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// An outcome is the result of one attempt to process a message. It is a label of metrics and an attribute of spans.
type outcome string

const (
	outcomeAck         outcome = "ack"         // done
	outcomeDuplicate   outcome = "duplicate"   // was done before
	outcomeIgnored     outcome = "ignored"     // no handler for its type here
	outcomeRetry       outcome = "retry"       // failed, worth another attempt
	outcomeUnavailable outcome = "unavailable" // a dependency is down; says nothing about the message
	outcomeContended   outcome = "contended"   // something that it needs is locked or too slow; costs no delivery
	outcomeDeadLetter  outcome = "dead_letter" // failed for good
)

// The reasons for which a message is dead-lettered: a label of metrics and a header of the dead letter.
const (
	reasonPermanent      = "permanent"
	reasonExhausted      = "exhausted"
	reasonUndecodable    = "undecodable"
	reasonUnknownVersion = "unknown_version"
)

// ErrDuplicate is returned by a handler for a message whose effect is already there. The message is acknowledged.
var ErrDuplicate = errors.New("already processed")

// ErrPanic is in the error of an attempt whose handler panicked.
var ErrPanic = errors.New("handler panicked")

// Permanent marks an error that no retry can mend: the message is dead-lettered at once.
func Permanent(err error) error { return marked{err, outcomeDeadLetter, reasonPermanent} }

// Unavailable marks an error that says nothing about the message: something that every message needs, such as the
// database, is down. The consumer pauses until it is back; no delivery is spent.
func Unavailable(err error) error { return marked{err, outcomeUnavailable, "unavailable"} }

// Contended marks an error of something that this message needs and other messages may not: a row locked by another
// transaction, a lost serialization, a database that is too slow. The message is retried later; no delivery is spent.
func Contended(err error) error { return marked{err, outcomeContended, "contended"} }

// undecodable marks an entry or a payload that cannot be read.
func undecodable(err error) error { return marked{err, outcomeDeadLetter, reasonUndecodable} }

// unknownVersion marks a message whose type is handled here, but not in this version.
func unknownVersion(eventType string) error {
	return marked{fmt.Errorf("no handler for this version of %s", eventType), outcomeDeadLetter, reasonUnknownVersion}
}

type marked struct {
	error
	outcome outcome
	class   string
}

func (m marked) Unwrap() error { return m.error }

// IsPermanent reports whether err, or an error that it wraps, was marked by Permanent or cannot be decoded.
func IsPermanent(err error) bool {
	var m marked
	return errors.As(err, &m) && m.outcome == outcomeDeadLetter
}

// outcomeOf is the table in the package's documentation.
func outcomeOf(err error) outcome {
	if err == nil {
		return outcomeAck
	}
	var m marked
	switch {
	case errors.Is(err, ErrDuplicate):
		return outcomeDuplicate
	case errors.As(err, &m):
		return m.outcome
	default:
		return outcomeRetry
	}
}

// Classify returns the kind of an error, one of few short names: the value of error.type on spans and metrics. It is "" for
// nil and ErrDuplicate, and "_OTHER", as in OpenTelemetry's conventions, for an unknown error.
func Classify(err error) string {
	if err == nil {
		return ""
	}
	var m marked
	var redisError redis.Error
	var netError net.Error
	var partitions *PartitionsError
	switch {
	case errors.Is(err, ErrDuplicate):
		return ""
	case errors.As(err, &m):
		return m.class
	case errors.Is(err, ErrPanic):
		return "panic"
	case errors.Is(err, errTooLarge):
		return "too_large"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netError) && netError.Timeout():
		return "timeout"
	case errors.As(err, &partitions):
		return "partitions"
	case errors.As(err, &netError), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return "connection"
	case errors.As(err, &redisError):
		return redisClass(redisError.Error())
	default:
		return "_OTHER"
	}
}

// redisClass is the code at the start of a Redis error, if commands on streams can return it; else "redis".
func redisClass(text string) string {
	code, _, _ := strings.Cut(text, " ")
	switch code {
	case "READONLY", "OOM", "LOADING", "NOGROUP", "WRONGTYPE", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN",
		"NOAUTH", "NOPERM":
		return strings.ToLower(code)
	default:
		return "redis"
	}
}
