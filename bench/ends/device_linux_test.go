package ends

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"lvsdr/bench/sink"
)

// TestVLANs: they are those on this interface; a parent's number counts in its own
// network namespace.
func TestVLANs(t *testing.T) {
	attrs := func(name string, parent, namespace int) netlink.LinkAttrs {
		return netlink.LinkAttrs{Name: name, ParentIndex: parent, NetNsID: namespace}
	}
	got := vlansOn(2, []netlink.Link{
		&netlink.Dummy{LinkAttrs: attrs("eth0", 0, -1)},
		&netlink.Vlan{LinkAttrs: attrs("eth0.5", 2, -1)},
		&netlink.Vlan{LinkAttrs: attrs("eth1.5", 3, -1)},
		&netlink.Vlan{LinkAttrs: attrs("moved", 2, 0)},
		&netlink.Macvlan{LinkAttrs: attrs("mac0", 2, -1)},
		&netlink.Vlan{LinkAttrs: attrs("storage", 2, -1)},
	})
	if !cmp.Equal(got, []string{"eth0.5", "storage"}) {
		t.Errorf("%v", got)
	}
}

// TestPlanVLANs: the plan warns of VLANs where tags may not be seen.
func TestPlanVLANs(t *testing.T) {
	const warning = "eth0 has VLANs (eth0.5, storage)"
	for _, c := range []struct {
		kind  sink.Kind
		vlans []string
		want  bool
	}{
		{sink.XDP, []string{"eth0.5", "storage"}, true},
		{sink.Generic, []string{"eth0.5", "storage"}, true},
		{sink.Rules, []string{"eth0.5", "storage"}, false},
		{sink.XDP, nil, false},
	} {
		r := Receiver{options: ReceiveOptions{To: vip, Time: time.Second}, device: &device{name: "eth0"}, kind: c.kind, vlans: c.vlans}
		if got := r.Plan(); strings.Contains(got, warning) != c.want || strings.Contains(got, "has VLANs") != c.want {
			t.Errorf("%s with VLANs %v: %s", c.kind, c.vlans, got)
		}
	}
}
