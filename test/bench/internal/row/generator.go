package row

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"example.com/clew/test/bench/internal/child"
	"example.com/clew/test/bench/internal/report"
)

// generator does one measurement of the load test's generator, which is a program of its own and has the bare loops too.
// Its requests go to a server that does nothing, its events to bench's Redis.
func generator(measurement string, duration func(Sizes) time.Duration) measureFunc {
	return func(ctx context.Context, b *Bench) (report.Result, error) {
		url, err := b.redis(ctx, "")
		if err != nil {
			return report.Result{}, err
		}
		server, err := child.StartServer(ctx, "noop")
		if err != nil {
			return report.Result{}, err
		}
		defer server.Stop()
		return runProgram(ctx, b.generator, "-url", server.URL, "-redis", url,
			"-duration", duration(b.sizes).String(), "-profile", b.profileOf(b.row), measurement)
	}
}

func offering(s Sizes) time.Duration { return s.Generate }
func soaking(s Sizes) time.Duration  { return s.Soak }

// runNoop is a server that answers every request with an order. It understands no more of HTTP than the generator sends,
// because one that does would take a large share of two cores.
func runNoop(_ context.Context, _ child.Job) (report.Result, error) {
	listener, err := child.Listen()
	if err != nil {
		return report.Result{}, err
	}
	const order = `{"id":"019b2c3d-4e5f-7a6b-8c7d-9e0f1a2b3c4d","trace_id":""}`
	answer := fmt.Appendf(nil, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		len(order), order)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return report.Result{}, err
		}
		go func() { // until the client closes the connection, or the process ends
			defer conn.Close()
			requests := bufio.NewReader(conn)
			for skipRequest(requests) == nil {
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

// skipRequest reads a request that has a Content-Length.
func skipRequest(from *bufio.Reader) error {
	length := 0
	for {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			_, err := from.Discard(length)
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
}
