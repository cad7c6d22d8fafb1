package messaging

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// fill pushes messages for which there is room in a partition, and returns how many.
func fill(q *queue, partition int, by intake) (n int) {
	for range q.room(partition, by) {
		n++
		filled++
		q.push(&delivery{partition: partition, by: by, entryID: fmt.Sprintf("%d-0", filled)})
	}
	return n
}

var filled int // entries, of all tests, so that ids differ

func push(q *queue, by intake, id, subject string) *delivery {
	d := &delivery{by: by, entryID: id}
	d.Subject = subject
	q.push(d)
	return d
}

func TestAQueueHoldsWhatItsWorkersBeginInASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(4, 100, 1)
		settle := func(n int) {
			for range n {
				d := q.next(0)
				q.done(d)
				q.free(0, d.entryID)
			}
		}
		if n := fill(q, 0, fetched); n != 6 {
			t.Errorf("%d were fetched, expected three quarters of two a worker", n)
		}
		if n := fill(q, 0, claimed); n != 2 {
			t.Errorf("%d were claimed, expected a quarter of two a worker", n)
		}
		for range 10 { // 40 a second
			settle(4)
			fill(q, 0, fetched)
			time.Sleep(100 * time.Millisecond)
		}
		if n := q.total[fetched]; n < 20 || n > 30 {
			t.Errorf("%d are held at 40 a second, expected at most three quarters of that", n)
		}
		for range 100 {
			settle(20)
			fill(q, 0, fetched)
		}
		if n := q.total[fetched]; n < 50 || n > 75 {
			t.Errorf("%d are held at 2000 a second, expected at most three quarters of the most", n)
		}
		time.Sleep(3 * time.Second)
		settle(q.total[fetched] + q.total[claimed])
		time.Sleep(3 * time.Second)
		if n := fill(q, 0, fetched); n != 6 {
			t.Errorf("%d were fetched by workers that do nothing, expected 6", n)
		}
	})
}

func TestManyPartitionsShareAQueue(t *testing.T) {
	q := newQueue(4, 100, 64)
	held := 0
	for partition := range 64 {
		held += fill(q, partition, fetched)
	}
	if held != 6 {
		t.Errorf("%d are held by 64 partitions, expected 6", held)
	}
	d := q.next(0)
	q.free(d.partition, d.entryID)
	for partition := range 64 {
		select {
		case <-q.freed[partition]:
		default:
			if partition == d.partition || partition >= held {
				t.Errorf("partition %d was not told that there is room again", partition)
			}
		}
	}
}

func TestWhatRunsLeavesItsPartitionRoom(t *testing.T) {
	q := newQueue(4, 100, 64)
	fill(q, 0, fetched)
	for range 3 {
		q.next(1)
		<-q.freed[0]
		if n := fill(q, 0, fetched); n != 1 {
			t.Errorf("%d were fetched while as many run as have come, expected 1", n)
		}
	}
}

func TestMessagesOfASubjectLeaveOneByOne(t *testing.T) {
	q := newQueue(4, 100, 1)
	first, second, other := push(q, fetched, "1-0", "s"), push(q, fetched, "2-0", "s"), push(q, fetched, "3-0", "o")
	if a, b := q.next(1), q.next(1); a != first || b != other {
		t.Errorf("%s and %s were begun, expected the first of each subject", a.entryID, b.entryID)
	}
	if want := time.Since(entryTime("2-0")); q.oldest() < want {
		t.Errorf("the oldest that waits is younger than %s", want)
	}
	q.done(first)
	if d := q.next(1); d != second {
		t.Errorf("%s was begun after the first of its subject", d.entryID)
	}
	if q.oldest() != 0 {
		t.Errorf("the oldest that waits is %s old, and none does", q.oldest())
	}
}

// What was claimed has failed before, and may keep a worker for long.
func TestHalfOfTheWorkersTakeOnlyWhatWasFetched(t *testing.T) {
	q := newQueue(4, 100, 1)
	push(q, claimed, "1-0", "")
	fresh := push(q, fetched, "2-0", "")
	if d := q.next(1); d != fresh {
		t.Errorf("an odd worker began %s", d.entryID)
	}
	if d := q.next(2); d.entryID != "1-0" {
		t.Errorf("an even worker began %s", d.entryID)
	}
}

func TestAQueueGivesBackWhatIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(4, 100, 1)
		begun := push(q, fetched, "1-0", "s")
		push(q, fetched, "2-0", "s")
		push(q, fetched, "3-0", "o")
		push(q, claimed, "4-0", "")
		q.next(1)
		time.Sleep(time.Second)
		future := &delivery{entryID: fmt.Sprintf("%d-0", time.Now().Add(time.Hour).UnixMilli())} // by Redis's clock
		q.push(future)
		time.Sleep(time.Second)
		if age := q.oldest(); age < 2*time.Second {
			t.Errorf("the oldest that waits is %s old", age)
		}
		late := push(q, fetched, "5-0", "s")
		behind := push(q, fetched, "6-0", "o")
		back := q.giveBack(0, time.Second)
		slices.Sort(back)
		if !slices.Equal(back, []string{"2-0", "3-0", "4-0", future.entryID}) {
			t.Errorf("gave back %v", back)
		}
		if held := q.holds(0); len(held) != 3 {
			t.Errorf("holds %v, expected what is begun and what came late", held)
		}
		if d := q.next(1); d != behind { // the one before it was given back
			t.Errorf("%s was begun", d.entryID)
		}
		q.done(begun)
		if d := q.next(1); d != late {
			t.Errorf("%s was begun", d.entryID)
		}
	})
}

func TestAClosedQueueEndsWhenItIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(2, 100, 1)
		d := push(q, fetched, "1-0", "s")
		q.next(0)
		ended := make(chan struct{})
		go func() {
			q.next(1)
			close(ended)
		}()
		q.close()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("a worker ended while a message is held, which may come back")
		case <-q.drained():
			t.Error("drained while a message is held")
		default:
		}
		q.repeat(d)
		synctest.Wait()
		q.done(d)
		q.free(0, d.entryID)
		if d := q.next(0); d != nil {
			t.Errorf("%s is left", d.entryID)
		}
		<-ended
		<-q.drained()
	})
}

// As after its group was deleted and made again.
func TestAQueueHoldsAnEntryOnce(t *testing.T) {
	q := newQueue(4, 100, 1)
	first := push(q, fetched, "1-0", "desk")
	push(q, fetched, "1-0", "desk")
	push(q, claimed, "1-0", "desk")
	if d := q.next(0); d != first || q.total != [2]int{1, 0} {
		t.Errorf("%v is first, and %v are held, want one", d, q.total)
	}
	q.done(first)
	q.free(0, "1-0")
	if again := push(q, fetched, "1-0", "desk"); q.next(0) != again {
		t.Error("once it is settled it cannot be held again")
	}
}
