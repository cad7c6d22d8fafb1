package streamsapi

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"example.com/clew/observability/telemetry/httpserver"
	"example.com/clew/observability/viewer/page"
	"example.com/clew/observability/viewer/story"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
)

// streams are the names of all streams.
var streams = [...]string{contracts.Orders{}.Name(), contracts.Stock{}.Name()}

const maxPending = 1000

func (a *API) getStreams(r *http.Request) (any, error) { return a.Look(r.Context()) }

// Look implements page.Streams.
func (a *API) Look(ctx context.Context) (any, error) {
	var all []messaging.StreamInfo
	for _, stream := range streams {
		partitions, err := a.admin.Streams(ctx, stream)
		if err != nil {
			return nil, problemOf(err)
		}
		all = append(all, partitions...)
	}
	return page.Items(all), nil
}

func (a *API) getEntry(r *http.Request) (any, error) {
	stream, partition, id, err := a.place(r)
	if err != nil {
		return nil, err
	}
	entry, there, err := a.admin.Entry(r.Context(), stream, partition, id)
	if err == nil && !there {
		err = httpserver.Problemf(http.StatusNotFound, "the entry %s is not in the stream any more: streams are trimmed after 15 minutes", id)
	}
	entry.Fields = cut(entry.Fields, messaging.MaxDataBytes)
	return entry, err
}

func (a *API) getPending(r *http.Request) (any, error) {
	stream, limit := r.PathValue("stream"), 100
	if !slices.Contains(streams[:], stream) {
		return nil, noStream(stream)
	}
	if text := r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPending {
			return nil, httpserver.Problemf(http.StatusBadRequest, "limit is %.20q: expected 1 to %d", text, maxPending)
		}
	}
	pending, err := a.pending(r.Context(), stream, int64(limit))
	return page.Items(pending), err
}

// pending is a message as the page shows it.
type pending struct {
	story.Pending
	ID        string `json:"id"` // of the entry
	Partition int    `json:"partition"`
	Subject   string `json:"subject"`
}

func (a *API) pending(ctx context.Context, stream string, limit int64) (all []pending, err error) {
	infos, err := a.admin.Pending(ctx, stream, limit)
	holds := map[string]int{} // by consumer
	for _, p := range infos {
		holds[p.Consumer]++
	}
	for _, p := range infos {
		all = append(all, pending{
			ID: p.ID, Partition: p.Partition, Subject: p.Subject,
			Pending: story.Pending{
				Stream: stream, Group: p.Group, Type: p.Type, Consumer: p.Consumer,
				Deliveries: p.Deliveries, MostDeliveries: messaging.DefaultDeliveries,
				Queued: holds[p.Consumer] > messaging.DefaultWorkers,
				Idle:   p.Idle, Silent: !p.Retry && p.Idle > 1.5*a.heartbeat.Seconds(), Retry: p.Retry, Due: p.Due,
			},
		})
	}
	return all, err
}

// Pending implements page.Streams.
func (a *API) Pending(ctx context.Context, orderID string) (of []story.Pending, err error) {
	for _, stream := range streams {
		all, err := a.pending(ctx, stream, maxPending)
		if err != nil {
			return nil, problemOf(err)
		}
		for _, p := range all {
			if p.Subject == orderID {
				of = append(of, p.Pending)
			}
		}
	}
	return of, nil
}

// entryID is what Redis takes for the id of one entry.
var entryID = regexp.MustCompile(`^\d{1,19}-\d{1,19}$`)

// place reads where in Redis a request is about.
func (a *API) place(r *http.Request) (stream string, partition int, id string, err error) {
	stream, id = r.PathValue("stream"), r.PathValue("id")
	partition, err = strconv.Atoi(r.PathValue("partition"))
	switch {
	case !slices.Contains(streams[:], stream):
		err = noStream(stream)
	case err != nil || partition < 0 || partition >= a.partitions:
		err = httpserver.Problemf(http.StatusNotFound, "there is no partition %.20q: %s has %d", r.PathValue("partition"), stream, a.partitions)
	case !entryID.MatchString(id):
		err = httpserver.Problemf(http.StatusNotFound, "%.50q is no entry: expected an id such as 1795240000000-0", id)
	}
	return stream, partition, id, err
}

func noStream(stream string) error {
	return httpserver.Problemf(http.StatusNotFound, "there is no stream %.50q: expected one of %v", stream, streams)
}

// cut bounds names and values, which a stranger may have written.
func cut(fields [][2]string, most int) [][2]string {
	bounded := make([][2]string, len(fields))
	for i, field := range fields {
		bounded[i] = [2]string{cutText(field[0], most), cutText(field[1], most)}
	}
	return bounded
}

func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:most], len(text))
}
