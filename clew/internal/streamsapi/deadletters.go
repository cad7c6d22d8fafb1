package streamsapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer/page"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
)

// Of the list of dead letters: how many, among how many of the newest they are sought, and how many bytes of each name and value.
const (
	maxDeadLetters      = 200
	maxSought           = 20_000
	maxDeadLetterValues = 16 << 10
)

// deadLetter is one as the page shows it.
type deadLetter struct {
	messaging.DeadLetter
	Stream  string  `json:"stream"`
	Message message `json:"message"`
	TraceID string  `json:"trace_id"`
}

type message struct {
	ID      string      `json:"id"`
	Type    string      `json:"type"`
	Subject string      `json:"subject"`
	Time    time.Time   `json:"time"`
	Data    string      `json:"data"`
	Fields  [][2]string `json:"fields"`
}

func newDeadLetter(stream string, d messaging.DeadLetter) deadLetter {
	m := d.Message
	d.Error = cutText(d.Error, maxDeadLetterValues)
	return deadLetter{d, stream, message{
		ID: cutText(m.ID, maxDeadLetterValues), Type: cutText(m.Type, maxDeadLetterValues),
		Subject: cutText(m.Subject, maxDeadLetterValues), Time: m.Time,
		Data: cutText(string(m.Data), maxDeadLetterValues), Fields: cut(d.Fields, maxDeadLetterValues),
	}, d.TraceID()}
}

// getDeadLetters lists the newest of all streams, the newest first, with how many there are in total, and among how many they were
// sought. They have the reason, the type, and the text that the query asks for.
func (a *API) getDeadLetters(r *http.Request) (any, error) {
	query := r.URL.Query()
	reason, eventType, text := query.Get("reason"), query.Get("type"), strings.ToLower(strings.TrimSpace(query.Get("text")))
	match := func(d messaging.DeadLetter) bool {
		return (reason == "" || d.Reason == reason) && (eventType == "" || d.Message.Type == eventType) && hasText(d, text)
	}
	var newest []deadLetter
	sought, total := int64(0), int64(0)
	for _, stream := range streams {
		found, looked, count, err := a.admin.FindDeadLetters(r.Context(), stream, match, maxDeadLetters, maxSought/(len(streams)*a.partitions))
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			newest = append(newest, newDeadLetter(stream, d))
		}
		sought += looked
		total += count
	}
	slices.SortStableFunc(newest, func(x, y deadLetter) int { return y.Time.Compare(x.Time) })
	list := page.Items(newest[:min(maxDeadLetters, len(newest))])
	list["sought"], list["total"] = sought, total
	list["types"] = types
	return list, nil
}

// types are those of the events that dead letters may be of.
var types = [...]string{
	contracts.OrderCreated{}.Type(), contracts.OrderConfirmed{}.Type(), contracts.OrderRejected{}.Type(), contracts.OrderCancelled{}.Type(),
	contracts.StockReserved{}.Type(), contracts.StockRejected{}.Type(), contracts.StockReleased{}.Type(),
}

// hasText tells whether a text in lower case stands in what a dead letter is about: its order, a SKU in its data, its error or group.
func hasText(d messaging.DeadLetter, text string) bool {
	return slices.ContainsFunc([]string{d.Message.Subject, string(d.Message.Data), d.Error, d.Group},
		func(value string) bool { return strings.Contains(strings.ToLower(value), text) })
}

// HasDeadLetter implements page.Streams.
func (a *API) HasDeadLetter(ctx context.Context, orderID string) (bool, error) {
	for _, stream := range streams {
		newest, total, err := a.admin.NewestDeadLetters(ctx, stream, maxDeadLetters)
		if err != nil {
			return false, problemOf(err)
		}
		if int64(len(newest)) < total || slices.ContainsFunc(newest, func(d messaging.DeadLetter) bool { return d.Message.Subject == orderID }) {
			return true, nil
		}
	}
	return false, nil
}

// redrive gives a dead letter back to its group, in a trace of its own, to which the next attempt links.
func (a *API) redrive(r *http.Request) (any, error) {
	ctx, span := a.tracer.Start(r.Context(), r.Pattern, trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	err := a.change(r.WithContext(ctx), func(ctx context.Context, stream string, d messaging.DeadLetter) (bool, error) {
		there, err := a.admin.Redrive(ctx, stream, d, false)
		switch {
		case errors.Is(err, messaging.ErrTooOld):
			err = httpserver.Problemf(http.StatusConflict, "%s; `clew dlq redrive --force %s/%d/%s` does it all the same",
				messaging.ErrTooOld, stream, d.Partition, d.ID)
		case err != nil && strings.Contains(err.Error(), "NOGROUP"):
			err = httpserver.Problemf(http.StatusConflict,
				"the group %.100s that gave it up is gone, so nobody would read it: discard it instead", d.Group)
		}
		return there, err
	})
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return nil, err
	}
	return map[string]string{"trace_id": span.SpanContext().TraceID().String()}, nil
}

// discard deletes a dead letter for good.
func (a *API) discard(r *http.Request) (any, error) {
	return nil, a.change(r, a.admin.Discard)
}

// change does something to the dead letter that a request is about.
func (a *API) change(r *http.Request, do func(context.Context, string, messaging.DeadLetter) (bool, error)) error {
	stream, partition, id, err := a.place(r)
	if err != nil {
		return err
	}
	d, there, err := a.admin.DeadLetter(r.Context(), stream, partition, id)
	if err == nil && there {
		there, err = do(r.Context(), stream, d)
	}
	if err == nil && !there {
		err = httpserver.Problemf(http.StatusNotFound, "the dead letter %s/%d/%s is not there any more", stream, partition, id)
	}
	return err
}
