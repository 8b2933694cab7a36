package realserver_test

import "testing"

// TestLANReadded: whatever scope and label somebody gives the VIP who puts it there
// anew, undo finds it.
func TestLANReadded(t *testing.T) {
	n := newLAN(t)
	before := n.state(t)
	for _, anew := range []string{"", "scope link", "scope host label lo:web"} {
		n.apply(t)
		n.sh(t, "ip addr del 192.0.2.10/32 dev lo && ip addr add 192.0.2.10/32 dev lo "+anew)
		n.undo(t)
		wantSame(t, "undone, after ip addr add "+anew, n.state(t), before)
	}
}
