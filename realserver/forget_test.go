package realserver

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestInterfacesThatGo: what was changed on an interface goes with it; one that has its
// name later is restored to what that one had.
func TestInterfacesThatGo(t *testing.T) {
	h, o := newHost("tap0"), options(t, vipA)
	tap := Address{Interface: "tap0", Prefix: netip.MustParsePrefix("198.51.100.1/24")}
	h.Address = append(h.Address, tap)
	link, key := h.Link[len(h.Link)-1], ipv4Conf("tap0", "arp_ignore")
	sysctls := maps.Clone(h.Sysctl)
	mustApply(t, o, h)

	h.Link = h.Link[:len(h.Link)-1]
	h.Address = slices.DeleteFunc(h.Address, tap.same)
	maps.DeleteFunc(h.Sysctl, func(key, _ string) bool { return strings.Contains(key, "/tap0/") })
	mustApply(t, o, h)
	shown, err := Show(o, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range shown.Changes {
		if strings.Contains(c.What, "tap0") {
			t.Errorf("the record has %s, and there is no tap0", c.What)
		}
	}

	h.Link, h.Address = append(h.Link, link), append(h.Address, tap)
	for key, value := range sysctls {
		if strings.Contains(key, "/tap0/") {
			h.Sysctl[key] = value
		}
	}
	h.Sysctl[key] = "1" // as net.ipv4.conf.default has it by then
	h.Sysctl[ipv4Conf("all", "arp_ignore")] = "0"
	mustApply(t, o, h)
	if _, err := Undo(o, h); err != nil || h.Sysctl[key] != "1" {
		t.Errorf("undone: %s is %s, %v", key, h.Sysctl[key], err)
	}
	wantNoRecord(t, o)
}

// TestUndoSaysWhatItUndoes: a value that somebody set since is restored to what was
// there before apply, and undo names it.
func TestUndoSaysWhatItUndoes(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	before := h.Snapshot()
	mustApply(t, o, h)
	h.Sysctl[ipv4Conf("all", "arp_ignore")] = "1"
	gone := ipv4Conf("eth0", "arp_announce")
	delete(h.Sysctl, gone)
	undone, err := Undo(o, h)
	if strings.Contains(undone.String(), "eth0.arp_announce") {
		t.Errorf("undone, and it is not there:\n%v", undone)
	}
	h.Sysctl[gone] = "0"
	if err != nil || !strings.Contains(undone.String(), "net.ipv4.conf.all.arp_ignore: 1 -> 0\n") {
		t.Errorf("%v\n%v", err, undone)
	}
	wantSame(t, "undone", h.Snapshot(), before)
}
