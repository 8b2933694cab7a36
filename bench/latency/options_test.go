package latency

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOptionsDefaults(t *testing.T) {
	var o Options
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	if o.Every != DefaultEvery || o.Time != DefaultTime || o.Rounds != DefaultRounds || !slices.Equal(o.Shares, DefaultShares()) {
		t.Errorf("%+v", o)
	}
	var names []string
	for _, c := range o.circumstances() {
		names = append(names, c.name)
	}
	want := "none, back to back; none, every 1ms; 50 %, every 1ms; 90 %, every 1ms"
	if got := strings.Join(names, "; "); got != want {
		t.Errorf("loads %s, want %s", got, want)
	}
}

func TestOptionsMistakes(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Peers: []string{"haproxy"}}, `peer "haproxy": want some of direct, forwarder`},
		{Options{Polls: []string{"nap"}}, `poll "nap": want some of block, adaptive, spin`},
		{Options{Every: time.Nanosecond}, "a datagram every 1ns: want"},
		{Options{Every: -time.Second}, "a datagram every -1s: want"},
		{Options{Every: time.Second, Time: 20 * time.Millisecond}, "not once in a trial of 20ms"},
		{Options{Time: time.Hour}, "time 1h0m0s: want"},
		{Options{Rounds: -1}, "rounds -1: want"},
		{Options{Shares: []float64{1.1}}, "load 1.1: want"},
		{Options{Shares: []float64{0.5, 0}}, "load 0: want"},
	} {
		if err := c.o.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.o, err, c.want)
		}
	}
}

// TestVariants: those that wait for frames come in each way to wait, and only those
// that spin have to rest.
func TestVariants(t *testing.T) {
	o := Options{Peers: []string{"nft-fwd", "director"}}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	variants, err := o.variants()
	if err != nil {
		t.Fatal(err)
	}
	var names, spin []string
	for _, v := range variants {
		names = append(names, v.Name)
		if v.spins {
			spin = append(spin, v.Name)
		}
	}
	if want := []string{"nft-fwd", "director block", "director adaptive", "director spin"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if want := []string{"director spin"}; !slices.Equal(spin, want) {
		t.Errorf("%q rest, want %q", spin, want)
	}
}
