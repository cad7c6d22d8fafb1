package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/clew/clew/processtest"
	"example.com/clew/services/messaging"
)

func TestStreams(t *testing.T) {
	c := newRealClew(t, "CLEW_PARTITIONS=2")
	c.order()
	fits(t, c.want(0, []string{"streams"}, "STREAM", "orders/0", "orders/1", "stock/0", "stock/1", "inventory", "order").stdout)

	var all []messaging.StreamInfo
	if err := json.Unmarshal([]byte(c.want(0, []string{"streams", "--json"}).stdout), &all); err != nil {
		t.Fatal(err)
	}
	messages := map[string]int64{}
	for _, s := range all {
		messages[s.Stream] += s.Messages
		if len(s.Groups) != 1 || s.Groups[0].Consumers != 1 || s.DeadLetters != 0 {
			t.Errorf("partition %+v, want one group with one consumer, and no dead letters", s)
		}
	}
	if len(all) != 4 || messages["orders"] != 2 || messages["stock"] != 1 {
		t.Errorf("streams %+v, want order.created, order.confirmed and stock.reserved on two partitions each", all)
	}
}

func TestForgetGroup(t *testing.T) {
	c := newRealClew(t, "CLEW_PARTITIONS=2")
	for _, partition := range []string{"0", "1"} {
		redis(t, c.state(), "XGROUP CREATE orders:{"+partition+"} audit 0", 1)
	}
	c.want(0, []string{"streams", "list"}, "audit")
	c.want(0, []string{"streams", "forget-group", "orders", "audit"}, "no group audit any more")
	if out := c.want(0, []string{"streams"}).stdout; strings.Contains(out, "audit") {
		t.Errorf("audit is still there:\n%s", out)
	}
	c.want(1, []string{"streams", "forget-group", "orders", "audit"}, `no group "audit" (it has: inventory)`)
	c.want(2, []string{"streams", "forget-group", "invoices", "audit"}, "orders", "stock")
}

func TestPartitions(t *testing.T) {
	c := newRealClew(t, "CLEW_PARTITIONS=4")
	c.order()
	c.want(0, []string{"streams"}, "orders/3", "stock/3")
	c.want(1, []string{"streams", "partitions", "1"}, "was heard of in the last 15 s", "CLEW_PARTITIONS=1 clew up")
	redis(t, c.state(), "XADD orders:{3} * nothing known", 2)
	c.deadLetters(1)

	// What would be left behind keeps the number from becoming smaller, until it is dealt with.
	c.want(0, down)
	c.env = append(c.env, "CLEW_PARTITIONS=1")
	c.want(1, up, "CLEW_PARTITIONS cannot be 1 yet", "orders/3 has 1 dead letters")
	c.env = append(c.env, "CLEW_PARTITIONS=4")
	c.want(0, up)
	c.want(0, []string{"dlq", "discard", "--all"}, "discarded ")
	c.want(0, down)
	c.env = append(c.env, "CLEW_PARTITIONS=1")
	c.want(0, up)
	c.order()
	for _, stream := range streams {
		if got := redis(t, c.state(), "GET "+stream+":partitions", 2)[1]; got != "1" {
			t.Errorf("%s has %s partitions, want 1", stream, got)
		}
	}
	c.want(2, []string{"streams", "partitions", "some"}, "number")
}

// Where no service runs, the command may change it. Here they were never told of this Redis.
func TestPartitionsOfARedisThatNobodyUses(t *testing.T) {
	c := newClew(t)
	c.want(0, up)
	c.want(0, []string{"streams", "partitions", "4"}, "each stream has 4 partitions from now on", "CLEW_PARTITIONS=4")
	c.want(1, []string{"streams", "partitions", "257"}, "1 to 256")
	if got := redis(t, c.state(), "GET stock:partitions", 2)[1]; got != "4" {
		t.Errorf("stock has %s partitions, want 4", got)
	}
}

// Foreign entries become dead letters, whatever they hold, and can be looked at safely.
func TestDeadLetters(t *testing.T) {
	c := newRealClew(t)
	c.want(0, []string{"dlq", "list"}, "there are no dead letters")
	for _, command := range []string{"redrive", "discard"} {
		c.want(0, []string{"dlq", command, "--all"}, "there are no dead letters")
		c.want(2, []string{"dlq", command}, "--all")
		c.want(2, []string{"dlq", command, "orders/0/1-0", "--all"}, "--all")
	}
	redis(t, c.state(), `XADD orders:{0} * specversion 0.1 type "\x1b[2Jtype" subject "\x1b]0;owned\a" data "{\"a\":\"\x1b[2J\"}" `+
		`traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`, 2)
	c.deadLetters(1) // the two would be given up side by side
	redis(t, c.state(), "XADD orders:{0} * nothing known", 2)
	letters := c.deadLetters(2)

	table := c.want(0, []string{"dlq", "list"}, "ID", letters[0].ID, letters[1].ID, "undecodable", "specversion").stdout
	fits(t, table)
	shown := c.want(0, []string{"dlq", "show", letters[0].ID}, letters[0].ID, "undecodable", "the group inventory", "its trace",
		"clew trace 4bf92f3577b34da6a3ce929d0e0e4736", `"a":`).stdout
	if strings.Contains(table+shown, "\x1b") {
		t.Error("a foreign entry steers the terminal")
	}

	missing, wrong := "orders/0/1-1", "1-1"
	c.want(1, []string{"dlq", "show", missing}, missing, "no dead letter")
	c.want(1, []string{"dlq", "redrive", missing, wrong, letters[0].ID},
		missing, `"1-1" is no dead letter's id`, "redriven "+letters[0].ID, "trace ")
	processtest.Eventually(t, "what was redriven is dead-lettered again", func() error {
		now := c.deadLetters(2)
		return processtest.Unless(now[0].ID == letters[1].ID && now[1].Redrives == 1, "there are %+v", now)
	})
	c.want(1, []string{"dlq", "discard", letters[0].ID, letters[1].ID}, letters[0].ID, "discarded "+letters[1].ID)
	c.want(0, []string{"dlq", "discard", "--all"}, "discarded ")
	if out := c.want(0, []string{"dlq", "list", "--json"}).stdout; out != "[]\n" {
		t.Errorf("no dead letters are %q, want an empty list", out)
	}
}

func TestADeadLetterWhoseGroupIsGoneCannotBeRedriven(t *testing.T) {
	c := newRealClew(t)
	redis(t, c.state(), "XADD orders:{0}:dlq * dlqreason permanent dlqgroup audit dlqstream orders type order.created.v1 subject o-1", 2)
	redis(t, c.state(), "XADD orders:{0}:dlq * dlqreason undecodable dlqgroup inventory dlqstream orders", 2)
	letters := c.deadLetters(2)
	c.want(1, []string{"dlq", "redrive", "--all"}, letters[0].ID, "the group audit that gave it up is gone", "redriven "+letters[1].ID)
}

func TestAnOldDeadLetterIsRedrivenOnlyByForce(t *testing.T) {
	c := newRealClew(t)
	redis(t, c.state(), "XADD orders:{0}:dlq * specversion 1.0 time 2020-02-20T20:20:20Z dlqreason permanent dlqgroup inventory", 2)
	letters := c.deadLetters(1)
	c.want(1, []string{"dlq", "redrive", "--all"}, letters[0].ID, "8 days", "--force")
	c.want(0, []string{"dlq", "redrive", "--all", "--force"}, "redriven "+letters[0].ID)
}

// deadLetters waits until there are so many.
func (c *clew) deadLetters(count int) []deadLetter {
	c.t.Helper()
	var all []deadLetter
	processtest.Eventually(c.t, "the dead letters are there", func() error {
		if err := json.Unmarshal([]byte(c.want(0, []string{"dlq", "list", "--json"}).stdout), &all); err != nil {
			c.t.Fatal(err)
		}
		return processtest.Unless(len(all) == count, "there are %d of %d", len(all), count)
	})
	return all
}

// fits fails the test if a line of a table or picture is wider than 80 columns.
func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
		if width > 80 && !strings.HasPrefix(line, "http://") && !strings.HasPrefix(line, "order ") {
			t.Errorf("a line of %d columns: %s", width, line)
		}
	}
}
