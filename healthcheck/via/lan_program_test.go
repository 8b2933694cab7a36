package via

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asks has a program of the user nobody ask the VIP, and returns the name that it
// heard. The program is a shell that connects; it cannot mark its socket.
func (s *segment) asks(server, vip netip.Addr) (name string, err error) {
	s.t.Helper()
	s.do(func() error {
		group, failed := s.ways.Way(server).Cgroup()
		if failed != nil {
			err = failed
			return nil
		}
		defer group.Close()
		var out bytes.Buffer
		cmd := exec.Command("/bin/bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%v/80 && read -r -t 5 name <&3 && echo $name", vip))
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.SysProcAttr = &syscall.SysProcAttr{
			UseCgroupFD: true, CgroupFD: int(group.Fd()),
			Credential: &syscall.Credential{Uid: 65534, Gid: 65534},
		}
		err = cmd.Run()
		name = strings.TrimSpace(out.String())
		return nil
	})
	return name, err
}

// TestLANPrograms: a program asks the VIP of the server whose group it runs in.
func TestLANPrograms(t *testing.T) {
	s := newSegment(t)
	names := make(map[netip.Addr]string)
	var servers []Server
	for n := 21; n <= 22; n++ {
		h := s.server(n)
		own(h)
		for _, server := range both(n) {
			server.Programs = true
			servers = append(servers, server)
			names[server.Addr] = h.Name()
		}
	}
	s.open()
	s.do(func() error { return s.ways.Check(servers) })
	s.set(servers...)
	s.quiet()
	for _, server := range servers {
		if name, err := s.asks(server.Addr, server.VIPs[0]); err != nil || name != names[server.Addr] {
			t.Errorf("%v: %q answers, %v", server.Addr, name, err)
		}
	}
	s.set(servers[2:]...)
	if _, err := s.asks(rip(21), vip); err == nil || !strings.Contains(err.Error(), "no way to") {
		t.Errorf("a server that was taken out: %v", err)
	}
	noProgram := servers[2]
	noProgram.Programs = false
	s.set(noProgram)
	if _, err := s.asks(rip(22), vip); err == nil || !strings.Contains(err.Error(), "no control group") {
		t.Errorf("a server that no program asks: %v", err)
	}
}

// TestLANProgramsAreEnded: what runs in a group ends with it, also what a killed
// director has left.
func TestLANProgramsAreEnded(t *testing.T) {
	s := newSegment(t)
	s.server(21)
	start := func() (sleeping *exec.Cmd) {
		s.do(func() error {
			group, err := s.ways.Way(rip(21)).Cgroup()
			if err != nil {
				return err
			}
			defer group.Close()
			sleeping = exec.Command("/bin/sleep", "1000")
			sleeping.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
			return sleeping.Start()
		})
		return sleeping
	}
	ended := func(what string, cmd *exec.Cmd) {
		t.Helper()
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Errorf("%s: the program lives", what)
			_ = cmd.Process.Kill()
			<-done
		}
	}
	server := both(21)[0]
	server.Programs = true
	s.open()
	s.set(server)
	taken := start()
	s.set()
	ended("the server was taken out", taken)
	s.set(server)
	left := start()
	// The process that has the groups ends, and does nothing more.
	dead, name := s.ways, s.ways.groups.name
	dead.groups.home.Close()
	dead.groups.base.Close()
	dead.groups = &groups{}
	s.do(dead.lock.Close)
	dead.lock = nil
	s.open()
	ended("the next director", left)
	if hasGroup(t, name) {
		t.Errorf("%s is left", name)
	}
	s.set(server)
	if !hasGroup(t, name) {
		t.Fatalf("%s is not seen", name)
	}
	s.close(s.ways)
	if hasGroup(t, name) {
		t.Errorf("%s is left after the end", name)
	}
}

// hasGroup reports whether there is a control group of that name below the one of
// this process.
func hasGroup(t *testing.T, name string) bool {
	t.Helper()
	g := groups{}
	if err := g.openHome(); err != nil {
		t.Fatal(err)
	}
	defer g.home.Close()
	entries, err := fs.ReadDir(g.home.FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range entries {
		if d.Name() == name {
			return true
		}
	}
	return false
}
