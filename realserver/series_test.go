package realserver

import (
	"slices"
	"testing"
	"time"
)

// TestSeries has something happen every second: one hears of the first four, and
// then with pauses that double up to their limit.
func TestSeries(t *testing.T) {
	var s series
	start := time.Unix(0, 0)
	var told []int
	for second := range 4000 {
		now := start.Add(time.Duration(second) * time.Second)
		s.happened(now)
		if s.tell(now) {
			told = append(told, second)
		}
	}
	want := []int{0, 1, 2, 3, 13, 33, 73, 153, 313, 633, 1233, 1833, 2433, 3033, 3633}
	if !slices.Equal(told, want) {
		t.Errorf("told at %v, want %v", told, want)
	}
	if !s.stubborn() || s.count != 4000 || !s.first.Equal(start) {
		t.Errorf("%+v", s)
	}
}

func TestSeriesSet(t *testing.T) {
	set := seriesSet{}
	start := time.Unix(0, 0)
	for range seriesPlain {
		set.happened("rare", start)
		set.happened("often", start)
	}
	set.happened("often", start)
	if got := set.stubborn(); !slices.Equal(got, []string{"often"}) {
		t.Errorf("stubborn are %v", got)
	}
	if ended := set.sweep(start.Add(seriesEnd)); len(ended) > 0 || len(set) != 2 {
		t.Errorf("too early: %v is over, %v goes on", ended, set)
	}
	set.happened("rare", start.Add(seriesEnd))
	if ended := set.sweep(start.Add(seriesEnd + 1)); len(ended) != 1 || ended["often"] == nil || len(set) != 1 {
		t.Errorf("%v is over, %v goes on", ended, set)
	}
	if s := set.happened("often", start.Add(seriesEnd+2)); s.count != 1 {
		t.Errorf("what was over goes on: %+v", s)
	}
}

// TestLimiter compares with a slow twin that keeps the times of all.
func TestLimiter(t *testing.T) {
	l := limiter{burst: 3, every: 10 * time.Second}
	tokens, since := 3.0, time.Unix(0, 0)
	for step := range 1000 {
		now := time.Unix(int64(step*7%11+step*3), 0)
		tokens = min(3, tokens+max(0, now.Sub(since).Seconds())/10)
		if now.After(since) {
			since = now
		}
		now = since
		free := l.wait(now) == 0
		if want := tokens > 1-1e-9; free != want {
			t.Fatalf("step %d: free is %v with %.3f tokens", step, free, tokens)
		}
		if free {
			l.take(now)
			tokens--
		} else if wait, want := l.wait(now).Seconds(), (1-tokens)*10; wait-want > 1e-6 || want-wait > 1e-6 {
			t.Fatalf("step %d: wait %v s, want %v s", step, wait, want)
		}
	}
}
