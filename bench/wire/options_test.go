package wire

import (
	"strings"
	"testing"
	"time"

	"lvsdr/bench/generator"
)

func TestDefaults(t *testing.T) {
	var o Options
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	// A trial, its warm-up and what both take to begin and to settle; most searches
	// are shorter.
	each := o.Time + o.Time/warmShare + 2*30*time.Millisecond
	peers, _ := choose(nil)
	if whole := time.Duration(len(peers)*o.Rounds*(searchTrials+1)) * each; whole > 2*time.Minute {
		t.Errorf("with its defaults a run takes %v", whole)
	}
}

func TestBadOptions(t *testing.T) {
	for want, o := range map[string]Options{
		`protocol "sctp": want udp or tcp`:                          {Protocol: "sctp"},
		"flows -1: want 1 to 10000000":                              {Flows: -1},
		"size 59: want 60 to 1514":                                  {Size: 59},
		"size 61: want 62 to 1514":                                  {IPv6: true, Size: 61},
		"size 73: want 74 to 1514":                                  {IPv6: true, Protocol: generator.TCP, Size: 73},
		"share of new flows 2: want 0 to 1":                         {New: 2},
		"servers 201: want 1 to 200":                                {Servers: 201},
		"time 1ms: want 10ms to 1m":                                 {Time: time.Millisecond},
		"rounds -1: want 1 to 1000":                                 {Rounds: -1},
		"loss 1: want a share":                                      {Loss: 1},
		`peer "f5": want some of direct, forwarder, director, forw`: {Peers: []string{"direct", "f5"}},
	} {
		if err := o.complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
}
