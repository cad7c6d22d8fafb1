package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sync/errgroup"

	"example.com/clew/loadtest/internal/load"
	"example.com/clew/loadtest/internal/result"
)

const (
	highRate = 40_000 // requests a second: more than can be sent
	requests = 100    // under way at a time, at most
)

func overHTTP(in input, rate float64, maxInFlight int) offering {
	return offering{
		rate: rate, maxInFlight: maxInFlight, latency: result.HTTP,
		sender: func(answered func(load.Arrival, load.Answer)) sender {
			return load.NewHTTP(in.url, nil, noop.NewTracerProvider().Tracer(""), answered)
		},
	}
}

func offerHTTP(ctx context.Context, in input) (figures, error) {
	_, f, err := overHTTP(in, highRate, requests).run(ctx, in.duration)
	return f, err
}

// bareHTTP is as many goroutines as the generator has requests under way, each with one request after the other.
func bareHTTP(ctx context.Context, in input) (figures, error) {
	const body = `{"customer_id":"loadtest","items":[{"sku":"load-001","quantity":1,"unit_price_cents":1999}]}`
	transport := &http.Transport{MaxIdleConnsPerHost: requests, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	post := func() error {
		response, err := client.Post(in.url+"/orders", "application/json", strings.NewReader(body))
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode != http.StatusCreated {
			return fmt.Errorf("the server answers %s", response.Status)
		}
		return nil
	}
	var answered atomic.Int64
	before, start := use(), time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for range requests {
		group.Go(func() error {
			for ctx.Err() == nil && time.Since(start) < in.duration {
				if err := post(); err != nil {
					return err
				}
				answered.Add(1)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	n := float64(answered.Load())
	f := figures{Value: n / time.Since(start).Seconds()}
	before.each(n, &f)
	return f, err
}
