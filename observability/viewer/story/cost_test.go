package story_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"example.com/clew/observability/viewer/story"
	"example.com/clew/observability/viewer/story/storytest"
)

// manyAttempts are attempts beside each other, of which each was taken over from one that was killed.
func manyAttempts(spans int, message func(int) string) story.Trace {
	s := storytest.New()
	parent := s.Add("", "order", story.KindProducer, "create orders", 0, 1)
	for i := range spans {
		s.Add(parent, "inventory", story.KindConsumer, "process orders", i, i+1, storytest.Received(message(i), 5.0),
			storytest.Attempted(2, "ack"), storytest.TookOver(fmt.Sprint("consumer ", i), 1, i))
	}
	return s.Trace
}

func oneMessage(int) string { return "m" }

func aMessageEach(i int) string { return fmt.Sprint("m", i) }

// Attempts at one message are compared with each other, but not when they are so many that they must be a mistake.
func TestAMessageOfThousandsOfAttemptsIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		message func(int) string
		killed  int
	}{"a message each": {aMessageEach, 1500}, "one message": {oneMessage, 1000}} {
		killed, told := 0, map[string]bool{}
		for _, n := range asJSON(t, story.Tell(manyAttempts(1500, test.message))).Nodes {
			if n.Killed {
				killed++
			} else {
				told[n.ID] = true
			}
		}
		if killed != test.killed || len(told) != 1501 {
			t.Errorf("%s: %d spans and %d killed attempts are told, want 1501 and %d", name, len(told), killed, test.killed)
		}
	}
}

// As many spans as one trace may have.
func BenchmarkTellManyAttempts(b *testing.B) {
	for name, message := range map[string]func(int) string{"a message each": aMessageEach, "one message": oneMessage} {
		trace := manyAttempts(40_000, message)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := json.Marshal(story.Tell(trace)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
