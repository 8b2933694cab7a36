package director

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/admin/api"
)

// fill adds n events, a second apart.
func fill(f *feed, from time.Time, n int) {
	for i := range n {
		f.add(&api.Event{Kind: api.ServerEvent, Time: from.Add(time.Duration(i) * time.Second)})
	}
}

// collect reads events until there are no more, and returns their numbers.
func collect(t *testing.T, d *Director, filter api.EventFilter) (seqs []uint64) {
	t.Helper()
	err := d.Events(t.Context(), filter, func(events []api.Event) bool {
		for _, e := range events {
			seqs = append(seqs, e.Seq)
		}
		return true
	})
	if err != nil {
		t.Error(err)
	}
	return seqs
}

// consecutive reports whether the numbers are from..to.
func consecutive(seqs []uint64, from, to uint64) bool {
	for i, n := range seqs {
		if n != from+uint64(i) {
			return false
		}
	}
	return uint64(len(seqs)) == to-from+1
}

func TestFeedRemembers(t *testing.T) {
	d, start := new(Director), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got := collect(t, d, api.EventFilter{}); len(got) != 0 {
		t.Errorf("nothing has happened: %v", got)
	}
	for _, n := range []int{1, readEvents, keptEvents - 1 - readEvents, 1, 3 * keptEvents / 2} {
		fill(&d.feed, start, n)
		last := d.feed.last
		first := max(last, keptEvents) - keptEvents + 1
		if got := collect(t, d, api.EventFilter{}); !consecutive(got, first, last) {
			t.Errorf("after %d: %d of them, from %d", last, len(got), got[0])
		}
	}
	if len(d.feed.ring) != keptEvents {
		t.Errorf("%d events are kept", len(d.feed.ring))
	}
}

func TestFeedSince(t *testing.T) {
	d, start := new(Director), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	fill(&d.feed, start, 100)
	if got := collect(t, d, api.EventFilter{Since: start.Add(89 * time.Second)}); !consecutive(got, 90, 100) {
		t.Errorf("from the 90th on: %v", got)
	}
	if got := collect(t, d, api.EventFilter{Since: start.Add(time.Hour)}); len(got) != 0 {
		t.Errorf("from the future: %v", got)
	}
}

// TestFeedFollowers: each gets all events from its time on, in their order, and is let go
// at the end; one that leaves is let go at once.
func TestFeedFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(Director)
		fill(&d.feed, time.Now(), 10)
		time.Sleep(time.Minute)
		var (
			followers sync.WaitGroup
			seqs      [3][]uint64
			beats     int
		)
		for i := range seqs {
			filter := api.EventFilter{Follow: true}
			if i > 0 {
				filter.Since = time.Now()
			}
			followers.Go(func() { seqs[i] = collect(t, d, filter) })
		}
		ctx, leave := context.WithCancel(t.Context())
		followers.Go(func() {
			_ = d.Events(ctx, api.EventFilter{Follow: true}, func(events []api.Event) bool {
				if len(events) == 0 {
					beats++
				}
				return true
			})
		})
		synctest.Wait()
		time.Sleep(2*eventBeat + time.Second)
		leave()
		synctest.Wait()
		if beats != 3 {
			t.Errorf("%d signs of life in %v", beats, 2*eventBeat+time.Second)
		}
		for range 5 {
			fill(&d.feed, time.Now(), 7)
			synctest.Wait()
		}
		d.feed.end()
		followers.Wait()
		for i, from := range []uint64{1, 11, 11} {
			if !consecutive(seqs[i], from, 45) {
				t.Errorf("follower %d: %v", i, seqs[i])
			}
		}
	})
}

// TestFeedSlowReader: it holds nobody up, and learns how much it missed.
func TestFeedSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(Director)
		fill(&d.feed, time.Now(), 1)
		var (
			got  []api.Event
			busy = make(chan struct{})
			wg   sync.WaitGroup
		)
		wg.Go(func() {
			_ = d.Events(t.Context(), api.EventFilter{Follow: true}, func(events []api.Event) bool {
				if got = append(got, events...); len(got) == 1 {
					<-busy
				}
				return true
			})
		})
		synctest.Wait()
		fill(&d.feed, time.Now(), keptEvents+100)
		close(busy)
		synctest.Wait()
		d.feed.end()
		wg.Wait()
		if len(got) != 2+keptEvents || got[1].Kind != api.LostEvent || got[1].Lost != 100 || got[1].Seq != 0 || got[2].Seq != 102 {
			t.Errorf("%d events, then %+v", len(got), got[1])
		}
	})
}

// TestFeedReaderLeaves: it is not asked again.
func TestFeedReaderLeaves(t *testing.T) {
	d, calls := new(Director), 0
	fill(&d.feed, time.Now(), 1000)
	for _, follow := range []bool{false, true} {
		if err := d.Events(t.Context(), api.EventFilter{Follow: follow}, func([]api.Event) bool { calls++; return false }); err != nil {
			t.Error(err)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}
