package lab

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThreadIsNeverTheMainOne(t *testing.T) {
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			first, second := 0, 0
			thread, err := startThread(func() error { first = unix.Gettid(); return nil })
			if err != nil {
				t.Error(err)
				return
			}
			defer thread.stop()
			if err := thread.run(func() error { second = unix.Gettid(); return nil }); err != nil {
				t.Error(err)
			}
			if first == unix.Getpid() || first != second {
				t.Errorf("threads %d and %d of process %d", first, second, unix.Getpid())
			}
		})
	}
	all.Wait()
}

func TestThreadPassesEndings(t *testing.T) {
	thread, err := startThread(func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	want := errors.New("mine")
	if err := thread.run(func() error { return want }); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
	panicked := func() (value any) {
		defer func() { value = recover() }()
		return thread.run(func() error { panic(want) })
	}()
	if p, ok := panicked.(*threadPanic); !ok || p.value != want {
		t.Errorf("panic %v", panicked)
	}
	over := make(chan bool, 1)
	go func() {
		defer func() { over <- true }()
		_ = thread.run(func() error { runtime.Goexit(); return nil })
		over <- false
	}()
	if !<-over {
		t.Error("the caller went on after Goexit")
	}
	if _, err := startThread(func() error { return want }); !errors.Is(err, want) {
		t.Errorf("start: %v", err)
	}
}

func TestReadSNMP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snmp")
	text := "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: MaxConn InSegs\nTcp: -1 7\nOdd: A B\nOdd: 1\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"Ip.DefaultTTL": 64, "Tcp.MaxConn": -1, "Tcp.InSegs": 7} {
		if got, err := readSNMP(path, name); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", name, got, err, want)
		}
	}
	for _, name := range []string{"", "Ip", "Ip.InSegs", "Odd.A", "Udp.InErrors"} {
		if _, err := readSNMP(path, name); !errors.Is(err, errNoCounter) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestLiteral(t *testing.T) {
	for address, want := range map[string]bool{
		"192.0.2.1:80": true, "[2001:db8::1]:80": true, ":80": true,
		"localhost:80": false, "192.0.2.1": false,
	} {
		if got := literal("tcp", address) == nil; got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	if literal("unix", "/run/x.sock") != nil || literal("ip4:icmp", "192.0.2.1") != nil {
		t.Error("a path or an address without a port was refused")
	}
}

func TestSysctlPath(t *testing.T) {
	for key, want := range map[string]string{
		"net.ipv4.ip_forward":             "net/ipv4/ip_forward",
		"net/ipv4/conf/eth0.7/arp_ignore": "net/ipv4/conf/eth0.7/arp_ignore",
	} {
		if got := sysctlPath(key); got != want {
			t.Errorf("%s: %s", key, got)
		}
	}
}
