package browsertest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/clew/observability/viewer/page/pagetest"
)

// hostile is what a payload may be at worst: markup, control characters, text that turns its surroundings, and long.
var hostile = "<img src=x onerror=\"console.error('ran')\"><script>console.error('ran')</script>\u202egnp\u0000\u001b[31m" + strings.Repeat("ä", 1<<20)

func letter(data string) object {
	return object{
		"id": "1700-0", "stream": "orders", "partition": 0, "reason": "permanent", "error": hostile[:200], "attempts": 1,
		"entry_id": "1699-0", "group": "inventory", "consumer": "inventory-1-7", "time": "2026-11-21T15:00:00Z", "redrives": 2,
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
		"message": object{"id": "m", "type": "order.created.v1", "subject": "order-1", "time": "2026-11-21T15:00:00Z",
			"data": data, "fields": [][2]string{{"id", "m"}, {"data", data}}},
	}
}

func letters(items ...any) object {
	return object{"items": append([]any{}, items...), "total": len(items)}
}

func infos(deadLetters int, lag float64) object {
	return list(object{
		"stream": "orders", "partition": 0, "messages": 12345, "dead_letters": deadLetters, "oldest_dead_letter_seconds": 1,
		"groups": []object{{"name": "inventory", "consumers": 1, "pending": 1, "oldest_pending_seconds": 2, "lag": 7, "lag_capped": false, "lag_seconds": lag}},
	})
}

func TestStreamsShowWhatRedisHas(t *testing.T) {
	s := newStage(t)
	s.set("/api/streams", infos(0, 1.5))
	s.set("/api/streams/orders/pending", list(object{"id": "1-0", "stream": "orders", "partition": 0,
		"group": "inventory", "consumer": "retry", "retry": true, "deliveries": 2, "deliveries_most": 5, "idle_seconds": 9.5, "due_seconds": 0.5,
		"subject": "order-1", "type": "order.created.v1"}))
	p := s.open("/streams")
	p.UntilText("orders/0 12 345 inventory 1 7 1.5 s 1 2 s 0")
	p.UntilText("orders/0 1-0 order.created.v1 order-1 inventory retry 2 of 5 due in 500 ms")
	p.UntilText("No dead letters")
	p.Until("document.querySelectorAll('.lag-chart canvas').length === 2")
	s.set("/api/dead-letters", letters(letter("{}")))
	s.event("streams", infos(1, 8))
	p.UntilText("inventory 1 7 8 s")
	p.Until("document.querySelectorAll('[data-letter]').length === 1")
}

func TestRedriveAsksFirstAndSendsTheToken(t *testing.T) {
	for action, title := range map[string]string{"redrive": "Redrive", "discard": "Discard"} {
		t.Run(action, func(t *testing.T) {
			s := newStage(t)
			s.set("/api/streams", infos(1, 0))
			s.set("/api/dead-letters", letters(letter("{}")))
			s.set("POST /api/dead-letters/orders/0/1700-0/"+action, object{"trace_id": "0af7651916cd43dd8448eb211c80319c"})
			p := s.open("/streams#token=secret")
			p.Press(title + "…")
			p.UntilText(title + " this message?")
			if len(s.posted) > 0 {
				t.Fatal("it was done without asking")
			}
			p.Press("Cancel")
			p.Until("!document.querySelector('dialog')")
			p.Press(title + "…")
			p.Press(title)
			sent := s.sent()
			if got := sent.header.Get("Authorization"); got != "Bearer secret" {
				t.Errorf("authorization %q, want the token", got)
			}
			if !strings.HasSuffix(sent.path, "/1700-0/"+action) {
				t.Errorf("posted to %s", sent.path)
			}
			p.Until("document.querySelector('.done a[href=\"/traces/0af7651916cd43dd8448eb211c80319c\"]')")
			p.Until("document.querySelector('.done a[href=\"/?order=order-1\"]')")
		})
	}
}

func TestWithoutATokenTheButtonsSayWhatToDo(t *testing.T) {
	s := newStage(t)
	s.set("/api/streams", infos(1, 0))
	s.set("/api/dead-letters", letters(letter("{}")))
	p := s.open("/streams")
	p.Press("Redrive…")
	p.UntilText("Open the address that clew up prints")
	if len(s.posted) > 0 {
		t.Error("it was tried all the same")
	}
}

func TestADeadLetterOfAJourneyIsRedrivenThere(t *testing.T) {
	s := newStage(t)
	told := s.record("invalid")
	s.set("/api/orders", list(told.asOrder("test-invalid", "pending")))
	dead := letter("{}")
	dead["message"].(object)["subject"] = told.order
	for span := range told.traces[0].all() {
		if entry := attributeOf(span, "messaging.redis_streams.entry_id"); span.GetName() == "dead_letter orders" && entry > dead["entry_id"].(string) {
			dead["entry_id"] = entry // of the last one
		}
	}
	s.set("/api/dead-letters", letters(dead))
	s.set("POST /api/dead-letters/orders/0/1700-0/redrive", object{"trace_id": told.traces[1].id})
	p := s.open("/?order=" + told.order + "#token=secret")
	p.Press("Redrive…")
	p.Press("Redrive")
	s.sent()
	p.Until("document.querySelector('.done a[href=\"/traces/" + told.traces[1].id + "\"]')")
}

func TestAJourneyNoticesThatItsDeadLetterIsGone(t *testing.T) {
	s := newStage(t)
	told := s.record("invalid")
	s.set("/api/orders", list(told.asOrder("test-invalid", "pending")))
	p := s.open("/?order=" + told.order)
	p.UntilText("Dead-lettered after one attempt (permanent)")
	s.discard() // by somebody else
	p.UntilText("Given up. Its dead letter is not there any more")
}

func TestAHostilePayloadIsText(t *testing.T) {
	s := newStage(t)
	s.set("/api/streams", infos(1, 0))
	s.set("/api/dead-letters", letters(letter(hostile)))
	p := s.open("/streams")
	p.Until("document.querySelector('[data-letter] summary')")
	p.Click("[data-letter] summary")
	p.UntilText("<img src=x onerror=")
	if n := pagetest.Eval[int](p, "document.querySelectorAll('[data-letter] img, [data-letter] script').length"); n != 0 {
		t.Errorf("%d elements came out of a payload", n)
	}
	const length = "document.querySelector('.payload').textContent.length"
	if n := pagetest.Eval[int](p, length); n > 5000 {
		t.Errorf("%d characters are shown before anybody asked for them", n)
	}
	pagetest.Eval[bool](p, "([...document.querySelectorAll('.payload button')].at(-1).click(), true)")
	p.Until(length + " > 1000000")
	if pagetest.Eval[bool](p, "/[\\0\\x1b\\u202e]/.test(document.querySelector('.payload').textContent)") {
		t.Error("control characters are left as they are")
	}
}

func TestStreamsRecoverWhenRedisIsBack(t *testing.T) {
	s := newStage(t)
	s.set("/api/streams", http.StatusServiceUnavailable)
	p := s.open("/streams")
	p.UntilText("/api/streams answers 503")
	s.set("/api/streams", infos(0, 0))
	p.Until("document.querySelector('.streams table') && !document.querySelector('.problem')")
}

func TestWhileRedisIsAwayTheLastThatItSaidStaysThere(t *testing.T) {
	s := newStage(t)
	s.set("/api/streams", infos(0, 1.5))
	p := s.open("/streams")
	p.UntilText("inventory 1 7 1.5 s")
	s.event("problem", object{"detail": "Redis does not answer"})
	p.Until("document.querySelector('.problem')?.textContent === 'Redis does not answer' && document.querySelector('.streams table')")
	s.event("streams", infos(0, 8))
	p.Until("!document.querySelector('.problem')")
	p.UntilText("inventory 1 7 8 s")
}

func TestSeveralDeadLettersAreFoundAndRedrivenAtOnce(t *testing.T) {
	s := newStage(t)
	numbered := func(id, subject, data string) object {
		d := letter(data)
		d["id"] = id
		d["message"].(object)["subject"] = subject
		s.set("POST /api/dead-letters/orders/0/"+id+"/redrive", object{"trace_id": "0af7651916cd43dd8448eb211c80319c"})
		return d
	}
	all := []any{numbered("1700-0", "order-1", `{"sku":"mug"}`), numbered("1701-0", "order-2", `{"sku":"lamp"}`), numbered("1702-0", "order-3", `{"sku":"lamp"}`)}
	s.set("/api/streams", infos(3, 0))
	s.set("/api/dead-letters", func(query url.Values) any {
		found := object{"items": all, "sought": 3, "total": 3, "types": []string{"order.created.v1"}}
		switch query.Encode() {
		case "reason=permanent&text=lamp&type=order.created.v1":
			found["items"] = all[1:]
		case "text=lamp":
			found["items"], found["sought"] = all[1:], 2
		}
		return found
	})
	p := s.open("/streams?text=lamp#token=secret")
	p.UntilText("2 found among the newest 2 of 3")
	p.Choose("select[name=reason]", "permanent")
	p.Choose("select[name=type]", "order.created.v1")
	p.Until("location.search === '?text=lamp&reason=permanent&type=order.created.v1'")
	p.UntilText("2 found of 3")
	p.Go(s.url + "/streams")
	p.Until("document.querySelectorAll('[data-letter]').length === 3")
	p.UntilText("order …rder-1")
	p.Type("input[name=text]", "lamp")
	p.Until("document.querySelectorAll('[data-letter]').length === 2 && location.search === '?text=lamp'")
	p.Press("Redrive these 2…")
	p.UntilText("Redrive these 2 messages?")
	p.Press("Redrive")
	for _, id := range []string{"1701-0", "1702-0"} {
		if sent := s.sent(); sent.path != "/api/dead-letters/orders/0/"+id+"/redrive" {
			t.Errorf("posted to %s, want the redrive of %s", sent.path, id)
		}
	}
	p.UntilText("2 messages: Redriven.")
}
