package via

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lvsdr/healthcheck"
)

// privileged runs fn with these capabilities in force, and no others.
func (s *segment) privileged(fn func(), capabilities ...int) {
	s.t.Helper()
	s.do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var all, none [2]unix.CapUserData
		if err := unix.Capget(&header, &all[0]); err != nil {
			return err
		}
		none = all
		none[0].Effective, none[1].Effective = 0, 0
		for _, c := range capabilities {
			none[c/32].Effective |= 1 << (c % 32)
		}
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		fn()
		return unix.Capset(&header, &all[0])
	})
}

// TestLANWithoutPrivileges: what a host does not allow is said with its remedy, and
// never green.
func TestLANWithoutPrivileges(t *testing.T) {
	s := newSegment(t)
	own(s.server(21))
	before := s.world()
	w := s.open()
	program := both(21)[0]
	program.Programs = true
	var err error
	s.privileged(func() { err = w.Check([]Server{program}) })
	if err == nil || !strings.Contains(err.Error(), "via: real") || !strings.Contains(err.Error(), "CAP_BPF") {
		t.Errorf("a program: %v", err)
	}
	s.privileged(func() {
		err = w.Check(both(21))
		w.Set(both(21))
	})
	if err != nil {
		t.Errorf("no program: %v", err)
	}
	if r := s.check(rip(21), healthcheck.ViaVIP); r.OK || !strings.Contains(r.Message, "no way to 192.0.2.21") || !strings.Contains(r.Message, "CAP_NET_ADMIN") {
		t.Errorf("got %+v", r)
	}
	s.unchanged(before)
	// Once it may, it does, with no more than it says. The group of this process may
	// be the root's, in which root itself may write only by another capability.
	s.do(w.groups.open)
	s.privileged(func() {
		err = w.Check([]Server{program})
		w.Set([]Server{program})
	}, unix.CAP_NET_ADMIN, unix.CAP_BPF)
	if err != nil {
		t.Errorf("privileged: %v", err)
	}
	if name := s.answers(rip(21)); name != "server21" {
		t.Errorf("%q answers", name)
	}
	if name, err := s.asks(rip(21), vip); err != nil || name != "server21" {
		t.Errorf("%q answers a program, %v", name, err)
	}
	s.close(w)
	s.unchanged(before)
}
