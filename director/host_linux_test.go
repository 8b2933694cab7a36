package director_test

import (
	"context"
	"slices"
	"testing"

	"lvsdr/arpresponder"
	"lvsdr/director"
	"lvsdr/neighbor"
)

// TestLinuxHost needs no privileges: every namespace has a loopback interface.
func TestLinuxHost(t *testing.T) {
	host := director.NewLinuxHost(nil)
	all, err := host.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(i director.Interface) bool { return i.Name == "lo" })
	if i < 0 || all[i].Index == 0 || all[i].MTU == 0 {
		t.Errorf("interfaces: %+v", all)
	}
}

// TestLinuxHostOpensNothing: what could not be opened is nil, so that nobody
// closes it.
func TestLinuxHostOpensNothing(t *testing.T) {
	host := director.NewLinuxHost(nil)
	if r, err := host.OpenResponder(arpresponder.Config{}); r != nil || err == nil {
		t.Errorf("responder %v, error %v", r, err)
	}
	if r, err := host.OpenResolver(neighbor.Config{}); r != nil || err == nil {
		t.Errorf("resolver %v, error %v", r, err)
	}
}

// TestLinuxHostWatches: the first call comes by itself, and the watch ends with
// its context.
func TestLinuxHostWatches(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looked := make(chan struct{}, 100)
	ended := make(chan error, 1)
	go func() { ended <- director.NewLinuxHost(nil).Watch(ctx, func() { looked <- struct{}{} }) }()
	select {
	case <-looked:
	case err := <-ended:
		t.Fatalf("watch: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("watch: %v", err)
	}
}
